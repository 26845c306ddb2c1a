// shared.wgsl: batched matrix product with tiles in shared memory.
//
//   y[batch, m, n] = sum_k a[batch, m, k] * b[batch, k, n]
//
//   a  [batches, M, K]  A_TYPE  read
//   b  [batches, K, N]  B_TYPE  read
//   sums  [M]  f32  write  with SUMS alone
//   y  [batches, M, N]  f32  through store_y
//
// Dispatch: WX x WY threads, each TM rows by TN columns; grid (ceil(N / (WX TN)), ceil(M / (WY TM)), batches).
// Params:   M N K            sizes.
//           TRANS_A TRANS_B  a is stored [K, M]; b is stored [N, K].
//           VEC4_A VEC4_B    the stored last axis and every batch offset are multiples of 4.
//           TM TN WX WY      tile of a thread, threads of a workgroup.
//           BK               depth of a shared tile. Both WY TM BK and WX TN BK are multiples of 4 WX WY, and WY TM,
//                            WX TN and BK of 4.
//           A_OFFSET B_OFFSET  first element of a batch, an expression of `batch`; broadcasting is an offset of 0u.
//           A_TYPE B_TYPE    f32 or f16, as stored; computed in f32.
//           SUMS             also the sums of the rows of a, sum_k a[m, k]; there is one batch.
//           EPILOGUE_DECLS   binding of y after these, and fn store_y(i: u32, value: f32).
// Shared memory is 4 BK (WY TM + WX TN + 2) bytes: 8,320 for 64 x 64 x 16. The odd row length spreads the banks.
// Tiles are filled with zeros beyond M, N and K. The sum runs over k in order.

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

// Tiles as [k][row of a] and [k][column of b].
var<workgroup> tile_a: array<f32, ${BK * (WY * TM + 1)}>;
var<workgroup> tile_b: array<f32, ${BK * (WX * TN + 1)}>;

// Elements (row, column..column + 3) of a's stored matrix, zero outside.
fn a_quad(base: u32, row: u32, column: u32) -> vec4<f32> {
#if TRANS_A
  let rows = ${K}u;
  let columns = ${M}u;
#else
  let rows = ${M}u;
  let columns = ${K}u;
#endif
  let is_inside = (row < rows) & (column < columns);
  let i = base + select(0u, row * columns + column, is_inside);
#if VEC4_A
  return select(vec4<f32>(), vec4<f32>(a[i / 4u]), is_inside);
#else
  let last = base + rows * columns - 1u;
  let quad = vec4<f32>(f32(a[i]), f32(a[min(i + 1u, last)]), f32(a[min(i + 2u, last)]), f32(a[min(i + 3u, last)]));
  return select(vec4<f32>(), quad, vec4<bool>(is_inside) & (vec4<u32>(0u, 1u, 2u, 3u) + column < vec4<u32>(columns)));
#endif
}

fn b_quad(base: u32, row: u32, column: u32) -> vec4<f32> {
#if TRANS_B
  let rows = ${N}u;
  let columns = ${K}u;
#else
  let rows = ${K}u;
  let columns = ${N}u;
#endif
  let is_inside = (row < rows) & (column < columns);
  let i = base + select(0u, row * columns + column, is_inside);
#if VEC4_B
  return select(vec4<f32>(), vec4<f32>(b[i / 4u]), is_inside);
#else
  let last = base + rows * columns - 1u;
  let quad = vec4<f32>(f32(b[i]), f32(b[min(i + 1u, last)]), f32(b[min(i + 2u, last)]), f32(b[min(i + 3u, last)]));
  return select(vec4<f32>(), quad, vec4<bool>(is_inside) & (vec4<u32>(0u, 1u, 2u, 3u) + column < vec4<u32>(columns)));
#endif
}

@compute @workgroup_size(${WX}, ${WY})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let batch = group.z;
  let a_base = ${A_OFFSET};
  let b_base = ${B_OFFSET};
  let m_start = group.y * ${WY * TM}u;
  let n_start = group.x * ${WX * TN}u;
#for I in 0..TM
#for J in 0..TN
  var c${I}_${J} = 0.0;
#endfor
#endfor
#if SUMS
  var sum = 0.0;
#endif

  for (var block = 0u; block < ${(K + BK - 1) / BK}u; block++) {
    let k0 = block * ${BK}u;
    for (var step = 0u; step < ${WY * TM * BK / (4 * WX * WY)}u; step++) {
      let quad = step * ${WX * WY}u + thread;
#if TRANS_A
      let k = quad / ${WY * TM / 4}u;
      let m = quad % ${WY * TM / 4}u * 4u;
      let value = a_quad(a_base, k0 + k, m_start + m);
#for E in 0..4
      tile_a[k * ${WY * TM + 1}u + m + ${E}u] = value[${E}];
#endfor
#else
      let m = quad / ${BK / 4}u;
      let k = quad % ${BK / 4}u * 4u;
      let value = a_quad(a_base, m_start + m, k0 + k);
#for E in 0..4
      tile_a[(k + ${E}u) * ${WY * TM + 1}u + m] = value[${E}];
#endfor
#endif
    }
    for (var step = 0u; step < ${WX * TN * BK / (4 * WX * WY)}u; step++) {
      let quad = step * ${WX * WY}u + thread;
#if TRANS_B
      let n = quad / ${BK / 4}u;
      let k = quad % ${BK / 4}u * 4u;
      let value = b_quad(b_base, n_start + n, k0 + k);
#for E in 0..4
      tile_b[(k + ${E}u) * ${WX * TN + 1}u + n] = value[${E}];
#endfor
#else
      let k = quad / ${WX * TN / 4}u;
      let n = quad % ${WX * TN / 4}u * 4u;
      let value = b_quad(b_base, k0 + k, n_start + n);
#for E in 0..4
      tile_b[k * ${WX * TN + 1}u + n + ${E}u] = value[${E}];
#endfor
#endif
    }
    // The tiles are whole before anyone reads them, and read before anyone fills them again.
    workgroupBarrier();
    for (var k = 0u; k < ${BK}u; k++) {
#for I in 0..TM
      let a${I} = tile_a[k * ${WY * TM + 1}u + local.y + ${I * WY}u];
#endfor
#for J in 0..TN
      let b${J} = tile_b[k * ${WX * TN + 1}u + local.x + ${J * WX}u];
#endfor
#for I in 0..TM
#for J in 0..TN
      c${I}_${J} += a${I} * b${J};
#endfor
#endfor
    }
#if SUMS
    if (group.x == 0u) {
      for (var k = 0u; k < ${BK}u; k++) {
        sum += tile_a[k * ${WY * TM + 1}u + thread % ${WY * TM}u];
      }
    }
#endif
    workgroupBarrier();
  }

#if SUMS
  if ((group.x == 0u) & (thread < ${WY * TM}u) & (m_start + thread < ${M}u)) {
    sums[m_start + thread] = sum;
  }
#endif

#for J in 0..TN
  let n${J} = n_start + local.x + ${J * WX}u;
#endfor
#for I in 0..TM
  let m${I} = m_start + local.y + ${I * WY}u;
  if (m${I} < ${M}u) {
    let row = (batch * ${M}u + m${I}) * ${N}u;
#for J in 0..TN
    if (n${J} < ${N}u) {
      store_y(row + n${J}, c${I}_${J});
    }
#endfor
  }
#endfor
}
