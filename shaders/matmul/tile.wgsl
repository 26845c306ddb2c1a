// tile.wgsl: batched matrix product from registers, without shared memory.
//
//   y[batch, m, n] = sum_k a[batch, m, k] * b[batch, k, n]
//
//   a  [batches, M, K]  A_TYPE  read
//   b  [batches, K, N]  B_TYPE  read
//   sums  [M]  f32  write  with SUMS alone
//   y  [batches, M, N]  f32  through store_y
//
// Dispatch: WX x WY x WK threads, WK of them for each TM rows by TN columns; grid (ceil(N / (WX TN)), ceil(M / (WY TM)), SPLITS BATCHES).
// Params:   M N K BATCHES    sizes.
//           TRANS_A TRANS_B  a is stored [K, M]; b is stored [N, K].
//           VEC4_A VEC4_B    the stored last axis and every batch offset are multiples of 4; for a stored [K, M] TM must
//                            be a multiple of 4, for b stored [K, N] TN.
//           TM TN WX WY      tile of a thread, threads of a workgroup.
//           WK               threads that share the steps of K, each taking four at a time, a power of two; their sums meet in a tree.
//           K_FAST           those threads are neighbours.
//           SPLITS           parts of K, each with a product [batches, M, N] and sums [M] of its own, one behind another.
//           A_OFFSET B_OFFSET  first element of a batch, an expression of `batch`; broadcasting is an offset of 0u.
//           A_TYPE B_TYPE    f32 or f16, as stored; computed in f32.
//           SUMS             also the sums of the rows of a, sum_k a[m, k]; there is one batch.
//           EPILOGUE_DECLS   binding of y after these, and fn store_y(i: u32, value: f32).
// Edges: rows and columns outside y are computed from clamped indices and not stored. Without WK and
// SPLITS the sum runs over k in order. Shared memory is 4 WX WY WK TM (TN + 1) bytes with WK, else none.

#if VEC4_A
@group(0) @binding(0) var<storage, read> a: array<vec4<${A_TYPE}>>;
#else
@group(0) @binding(0) var<storage, read> a: array<${A_TYPE}>;
#endif
#if VEC4_B
@group(0) @binding(1) var<storage, read> b: array<vec4<${B_TYPE}>>;
#else
@group(0) @binding(1) var<storage, read> b: array<${B_TYPE}>;
#endif
#if SUMS
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
#endif
${EPILOGUE_DECLS}

// Elements i to i + 3 of a; i is a multiple of 4 where a is read as vec4.
fn a_quad(i: u32) -> vec4<f32> {
#if VEC4_A
  return vec4<f32>(a[i / 4u]);
#else
  return vec4<f32>(f32(a[i]), f32(a[i + 1u]), f32(a[i + 2u]), f32(a[i + 3u]));
#endif
}

fn b_quad(i: u32) -> vec4<f32> {
#if VEC4_B
  return vec4<f32>(b[i / 4u]);
#else
  return vec4<f32>(f32(b[i]), f32(b[i + 1u]), f32(b[i + 2u]), f32(b[i + 3u]));
#endif
}

#if WK > 1
// What the threads of a step hand over, by output and thread.
var<workgroup> handed: array<f32, ${WX * WY * WK * TM * (TN + 1)}>;
#endif

#if K_FAST
@compute @workgroup_size(${WK}, ${WX}, ${WY})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) id: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let local = id.yzx;
#else
@compute @workgroup_size(${WX}, ${WY}, ${WK})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
#endif
  let batch = group.z % ${BATCHES}u;
  let a_base = ${A_OFFSET};
  let b_base = ${B_OFFSET};
  let m_start = (group.y * ${WY}u + local.y) * ${TM}u;
#if VEC4_B && !TRANS_B
  let n_start = (group.x * ${WX}u + local.x) * ${TN}u;
#for J in 0..TN
  let n${J} = n_start + ${J}u;
#endfor
#else
  // Neighbouring threads take neighbouring columns, so that scalar loads and stores stay together.
  let n_start = group.x * ${WX * TN}u + local.x;
#for J in 0..TN
  let n${J} = n_start + ${J * WX}u;
#endfor
#endif

  // Where each row of a and column of b starts; clamped, so that every load lies within its matrix.
#if TRANS_A && VEC4_A
#for I in 0..TM / 4
  let a${I} = a_base + min(m_start + ${I * 4}u, ${M - 4}u);
#endfor
#elif TRANS_A
#for I in 0..TM
  let a${I} = a_base + min(m_start + ${I}u, ${M - 1}u);
#endfor
#else
#for I in 0..TM
  let a${I} = a_base + min(m_start + ${I}u, ${M - 1}u) * ${K}u;
#endfor
#endif
#if TRANS_B
#for J in 0..TN
  let b${J} = b_base + min(n${J}, ${N - 1}u) * ${K}u;
#endfor
#elif VEC4_B
#for J in 0..TN / 4
  let b${J} = b_base + min(n${J * 4}, ${N - 4}u);
#endfor
#else
#for J in 0..TN
  let b${J} = b_base + min(n${J}, ${N - 1}u);
#endfor
#endif
#for I in 0..TM
#if SUMS
  var s${I} = 0.0;
#endif
#for J in 0..TN
  var c${I}_${J} = 0.0;
#endfor
#endfor

  // Names: au_i is a at the block's k + u in row i, bu_j is b in column j.
#if K >= 4
#if WK * SPLITS > 1
  let first = group.z / ${BATCHES}u * ${(K / 4 + SPLITS - 1) / SPLITS}u;
  let end = min(first + ${(K / 4 + SPLITS - 1) / SPLITS}u, ${K / 4}u);
  for (var step = 0u; step < ${((K / 4 + SPLITS - 1) / SPLITS + WK - 1) / WK}u; step++) {
    let block = first + step * ${WK}u + local.z;
    if (block >= end) {
      break;
    }
#else
  for (var block = 0u; block < ${K / 4}u; block++) {
#endif
    let k = block * 4u;
#if TRANS_A && VEC4_A
#for U in 0..4
#for I in 0..TM / 4
    let a${U}_q${I} = a_quad(a${I} + (k + ${U}u) * ${M}u);
#for E in 0..4
    let a${U}_${I * 4 + E} = a${U}_q${I}[${E}];
#endfor
#endfor
#endfor
#elif TRANS_A
#for U in 0..4
#for I in 0..TM
    let a${U}_${I} = f32(a[a${I} + (k + ${U}u) * ${M}u]);
#endfor
#endfor
#else
#for I in 0..TM
    let a_q${I} = a_quad(a${I} + k);
#for U in 0..4
    let a${U}_${I} = a_q${I}[${U}];
#endfor
#endfor
#endif
#if TRANS_B
#for J in 0..TN
    let b_q${J} = b_quad(b${J} + k);
#for U in 0..4
    let b${U}_${J} = b_q${J}[${U}];
#endfor
#endfor
#elif VEC4_B
#for U in 0..4
#for J in 0..TN / 4
    let b${U}_q${J} = b_quad(b${J} + (k + ${U}u) * ${N}u);
#for E in 0..4
    let b${U}_${J * 4 + E} = b${U}_q${J}[${E}];
#endfor
#endfor
#endfor
#else
#for U in 0..4
#for J in 0..TN
    let b${U}_${J} = f32(b[b${J} + (k + ${U}u) * ${N}u]);
#endfor
#endfor
#endif
#for U in 0..4
#for I in 0..TM
#for J in 0..TN
    c${I}_${J} += a${U}_${I} * b${U}_${J};
#endfor
#endfor
#endfor
#if SUMS
    if (group.x == 0u) {
#for I in 0..TM
      s${I} += a0_${I} + a1_${I} + a2_${I} + a3_${I};
#endfor
    }
#endif
  }
#endif

  // The last K % 4 steps. An operand stored along k is scalar here, since K is not a multiple of 4.
#if WK * SPLITS > 1
  if ((local.z == 0u) & (group.z < ${BATCHES}u)) {
#else
  {
#endif
#for U in K / 4 * 4..K
#if TRANS_A && VEC4_A
#for I in 0..TM / 4
  let a${U}_q${I} = a_quad(a${I} + ${U * M}u);
#for E in 0..4
  let a${U}_${I * 4 + E} = a${U}_q${I}[${E}];
#endfor
#endfor
#elif TRANS_A
#for I in 0..TM
  let a${U}_${I} = f32(a[a${I} + ${U * M}u]);
#endfor
#else
#for I in 0..TM
  let a${U}_${I} = f32(a[a${I} + ${U}u]);
#endfor
#endif
#if TRANS_B
#for J in 0..TN
  let b${U}_${J} = f32(b[b${J} + ${U}u]);
#endfor
#elif VEC4_B
#for J in 0..TN / 4
  let b${U}_q${J} = b_quad(b${J} + ${U * N}u);
#for E in 0..4
  let b${U}_${J * 4 + E} = b${U}_q${J}[${E}];
#endfor
#endfor
#else
#for J in 0..TN
  let b${U}_${J} = f32(b[b${J} + ${U * N}u]);
#endfor
#endif
#for I in 0..TM
#if SUMS
  s${I} += a${U}_${I};
#endif
#for J in 0..TN
  c${I}_${J} += a${U}_${I} * b${U}_${J};
#endfor
#endfor
#endfor
  }

#if WK > 1
  // Each level hands over through places that nobody reads any more.
  for (var reach = ${WK / 2}u; reach > 0u; reach /= 2u) {
    if ((local.z >= reach) & (local.z < 2u * reach)) {
#for I in 0..TM
#if SUMS
      handed[${(I * (TN + 1) + TN) * WX * WY * WK}u + thread] = s${I};
#endif
#for J in 0..TN
      handed[${(I * (TN + 1) + J) * WX * WY * WK}u + thread] = c${I}_${J};
#endfor
#endfor
    }
    workgroupBarrier();
    if (local.z < reach) {
#if K_FAST
      let other = thread + reach;
#else
      let other = thread + reach * ${WX * WY}u;
#endif
#for I in 0..TM
#if SUMS
      s${I} += handed[${(I * (TN + 1) + TN) * WX * WY * WK}u + other];
#endif
#for J in 0..TN
      c${I}_${J} += handed[${(I * (TN + 1) + J) * WX * WY * WK}u + other];
#endfor
#endfor
    }
  }
  if (local.z > 0u) {
    return;
  }
#endif
#if SUMS
  if ((group.x == 0u) & (local.x == 0u)) {
#for I in 0..TM
    if (m_start + ${I}u < ${M}u) {
      sums[group.z * ${M}u + m_start + ${I}u] = s${I};
    }
#endfor
  }
#endif
  let y_base = (group.z * ${M}u + m_start) * ${N}u;
#for I in 0..TM
#if M % (WY * TM) != 0
  if (m_start + ${I}u >= ${M}u) {
    return;
  }
#endif
#for J in 0..TN
#if N % (WX * TN) != 0
  if (n${J} < ${N}u) {
    store_y(y_base + ${I * N}u + n${J}, c${I}_${J});
  }
#else
  store_y(y_base + ${I * N}u + n${J}, c${I}_${J});
#endif
#endfor
#endfor
}
