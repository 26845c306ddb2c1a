// quads.wgsl: batched matrix product from registers; four neighbouring threads swap what they load of a.
//
//   y[batch, m, n] = sum_k a[batch, m, k] * b[batch, k, n]
//
//   a  [batches, M, K]  A_TYPE  read
//   b  [batches, K, N]  B_TYPE  read
//   sums  [M]  f32  write  with SUMS alone
//   y  [batches, M, N]  f32  through store_y
//
// Dispatch: WX threads, a multiple of 4, each TM rows by TN columns; grid (ceil(N / (WX TN)), ceil(M / TM), BATCHES).
// Params:   M N K BATCHES    sizes.
//           TRANS_A TRANS_B  a is stored [K, M]; b is stored [N, K].
//           TM TN WX         rows, a multiple of 4, and columns of a thread; threads of a workgroup.
//           A_SIZE B_SIZE    elements of a and b as stored.
//           A_OFFSET B_OFFSET  first element of a batch, an expression of `batch`; broadcasting is an offset of 0u.
//           A_TYPE B_TYPE    f32 or f16, as stored; computed in f32.
//           SUMS             also the sums of the rows of a, sum_k a[m, k]; there is one batch.
//           EPILOGUE_DECLS   binding of y after these, and fn store_y(i: u32, value: f32).
// Edges: rows and columns outside y are computed from clamped indices and not stored. The sum runs over k in order. All threads of a
// workgroup have the same rows, so that any four of them may be a quad.

enable subgroups;

#include "lib/quad.wgsl"

@group(0) @binding(0) var<storage, read> a: array<${A_TYPE}, ${A_SIZE}>;
@group(0) @binding(1) var<storage, read> b: array<${B_TYPE}, ${B_SIZE}>;
#if SUMS
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
#endif
${EPILOGUE_DECLS}

@compute @workgroup_size(${WX})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(subgroup_invocation_id) invocation: u32,
) {
  let lane = invocation % 4u;
  let batch = group.z % ${BATCHES}u;
  let a_base = ${A_OFFSET};
  let b_base = ${B_OFFSET};

  // Where each row of a and column of b starts; clamped, so that every load lies within its matrix. A thread loads one row of four.
  let m_start = group.y * ${TM}u;
#for I in 0..TM / 4
#if TRANS_A
  let a${I} = a_base + min(m_start + ${I * 4}u + lane, ${M - 1}u);
#else
  let a${I} = a_base + min(m_start + ${I * 4}u + lane, ${M - 1}u) * ${K}u;
#endif
#endfor
#for J in 0..TN
  let n${J} = group.x * ${WX * TN}u + local.x + ${J * WX}u;
#if TRANS_B
  let b${J} = b_base + min(n${J}, ${N - 1}u) * ${K}u;
#else
  let b${J} = b_base + min(n${J}, ${N - 1}u);
#endif
#endfor

  // The sum I of a thread is of row I of the tile with its last two bits swapped as the quad's threads are.
#for I in 0..TM
#for J in 0..TN
  var c${I}_${J} = 0.0;
#endfor
#endfor
#if SUMS
#for I in 0..TM / 4
  var s${I} = 0.0;
#endfor
#endif

  // Names: au_i is a at the block's k + u in the i-th four rows, in the thread's own order; bu_j is b in column j.
#if K >= 4
  for (var block = 0u; block < ${K / 4}u; block++) {
    let k = block * 4u;
#for U in 0..4
#for I in 0..TM / 4
#if TRANS_A
    let a${U}_${I} = quad_of(f32(a[a${I} + (k + ${U}u) * ${M}u]));
#else
    let a${U}_${I} = quad_of(f32(a[a${I} + k + ${U}u]));
#endif
#endfor
#for J in 0..TN
#if TRANS_B
    let b${U}_${J} = f32(b[b${J} + k + ${U}u]);
#else
    let b${U}_${J} = f32(b[b${J} + (k + ${U}u) * ${N}u]);
#endif
#endfor
#endfor
#for I in 0..TM
#for J in 0..TN
#for U in 0..4
    c${I}_${J} = fma(a${U}_${I / 4}[${I % 4}], b${U}_${J}, c${I}_${J});
#endfor
#endfor
#endfor
#if SUMS
#for I in 0..TM / 4
    s${I} += a0_${I}.x + a1_${I}.x + a2_${I}.x + a3_${I}.x;
#endfor
#endif
  }
#endif

  // The last K % 4 steps.
#for U in K / 4 * 4..K
#for I in 0..TM / 4
#if TRANS_A
  let a${U}_${I} = quad_of(f32(a[a${I} + ${U * M}u]));
#else
  let a${U}_${I} = quad_of(f32(a[a${I} + ${U}u]));
#endif
#if SUMS
  s${I} += a${U}_${I}.x;
#endif
#endfor
#for J in 0..TN
#if TRANS_B
  let b${U}_${J} = f32(b[b${J} + ${U}u]);
#else
  let b${U}_${J} = f32(b[b${J} + ${U * N}u]);
#endif
#endfor
#for I in 0..TM
#for J in 0..TN
  c${I}_${J} = fma(a${U}_${I / 4}[${I % 4}], b${U}_${J}, c${I}_${J});
#endfor
#endfor
#endfor

#for I in 0..TM
  let m${I} = m_start + ${I / 4 * 4}u + (lane ^ ${I % 4}u);
#endfor
#if SUMS
  // One thread learns the sums of all rows and writes them.
#for I in 0..TM / 4
  let sums${I} = quad_of(s${I});
#endfor
  if ((group.x == 0u) & (local.x == 0u)) {
#for I in 0..TM
    if (m${I} < ${M}u) {
      sums[m${I}] = sums${I / 4}[${I % 4}];
    }
#endfor
  }
#endif
#for I in 0..TM
#if M % TM != 0
  if (m${I} < ${M}u) {
#else
  {
#endif
    let row = (group.z * ${M}u + m${I}) * ${N}u;
#for J in 0..TN
#if N % (WX * TN) != 0
    if (n${J} < ${N}u) {
      store_y(row + n${J}, c${I}_${J});
    }
#else
    store_y(row + n${J}, c${I}_${J});
#endif
#endfor
  }
#endfor
}
