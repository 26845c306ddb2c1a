// shared.wgsl: batched matrix product with tiles in shared memory.
//
//   y[batch, m, n] = sum_k a[batch, m, k] * b[batch, k, n]
//
//   a  [batches, M, K]  A_TYPE  read
//   b  [batches, K, N]  B_TYPE  read
//   sums  [M]  f32  write  with SUMS alone
//   moments  [ceil(M / (WY TM)), N, 4]  f32  write  with MOMENTS alone
//   y  [batches, M, N]  f32  through store_y
//
// Dispatch: WX x WY threads, each TM rows by TN columns; grid (ceil(N / (WX TN)), ceil(M / (WY TM)), SPLITS BATCHES).
// Params:   M N K BATCHES    sizes.
//           TRANS_A TRANS_B  a is stored [K, M]; b is stored [N, K].
//           VEC4_A VEC4_B    the stored last axis and every batch offset are multiples of 4.
//           EXACT_A EXACT_B  the tiles of an operand lie wholly within it, and the vec4 above holds.
//           TM TN WX WY      tile of a thread, threads of a workgroup.
//           BK               depth of a shared tile. TM, TN and BK are multiples of 4, WY TM and WX TN of 32.
//           SPLITS           parts of K, each with a product [batches, M, N] and sums [M] of its own, one behind another.
//           A_OFFSET B_OFFSET  first element of a batch, an expression of `batch`; broadcasting is an offset of 0u.
//           A_TYPE B_TYPE    f32 or f16, as stored; computed in f32.
//           SUMS             also the sums of the rows of a, sum_k a[m, k]; there is one batch.
//           MOMENTS          also of each column of y, as it is before the epilogue, and each tile's rows: their number, mean and sum of
//                            squared distances from it; there is one batch, one part, no SUMS, and WX TN is at most BK TM.
//           EPILOGUE_DECLS   binding of y after these, and fn store_y(i: u32, value: f32).
// Shared memory is 4 BK (WY TM + WX TN) bytes: 16,384 for 128 x 128 x 16. Tiles are filled with zeros beyond M, N and K. Within a part the
// sum runs over k in order.

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
#if MOMENTS
@group(0) @binding(2) var<storage, read_write> moments: array<vec4<f32>>;
#endif
${EPILOGUE_DECLS}

// Tiles as [k][four rows of a] and [k][four columns of b].
var<workgroup> tile_a: array<vec4<f32>, ${BK * WY * TM / 4}>;
var<workgroup> tile_b: array<vec4<f32>, ${BK * WX * TN / 4}>;

#if MOMENTS
fn hand(i: u32, value: vec4<f32>) {
  tile_a[i] = value;
}

fn handed(i: u32) -> vec4<f32> {
  return tile_a[i];
}
#endif

// Elements (row, column..column + 3) of a's stored matrix, zero outside.
fn a_quad(base: u32, row: u32, column: u32) -> vec4<f32> {
#if TRANS_A
  let rows = ${K}u;
  let columns = ${M}u;
#else
  let rows = ${M}u;
  let columns = ${K}u;
#endif
#if EXACT_A
  return vec4<f32>(a[(base + row * columns + column) / 4u]);
#else
  let is_inside = (row < rows) & (column < columns);
  let i = base + select(0u, row * columns + column, is_inside);
#if VEC4_A
  return select(vec4<f32>(), vec4<f32>(a[i / 4u]), is_inside);
#else
  let last = base + rows * columns - 1u;
  let quad = vec4<f32>(f32(a[i]), f32(a[min(i + 1u, last)]), f32(a[min(i + 2u, last)]), f32(a[min(i + 3u, last)]));
  return select(vec4<f32>(), quad, vec4<bool>(is_inside) & (vec4<u32>(0u, 1u, 2u, 3u) + column < vec4<u32>(columns)));
#endif
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
#if EXACT_B
  return vec4<f32>(b[(base + row * columns + column) / 4u]);
#else
  let is_inside = (row < rows) & (column < columns);
  let i = base + select(0u, row * columns + column, is_inside);
#if VEC4_B
  return select(vec4<f32>(), vec4<f32>(b[i / 4u]), is_inside);
#else
  let last = base + rows * columns - 1u;
  let quad = vec4<f32>(f32(b[i]), f32(b[min(i + 1u, last)]), f32(b[min(i + 2u, last)]), f32(b[min(i + 3u, last)]));
  return select(vec4<f32>(), quad, vec4<bool>(is_inside) & (vec4<u32>(0u, 1u, 2u, 3u) + column < vec4<u32>(columns)));
#endif
#endif
}

@compute @workgroup_size(${WX}, ${WY})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let batch = group.z % ${BATCHES}u;
  let a_base = ${A_OFFSET};
  let b_base = ${B_OFFSET};
  let k_start = group.z / ${BATCHES}u * ${((K + BK - 1) / BK + SPLITS - 1) / SPLITS * BK}u;
  let m_start = group.y * ${WY * TM}u;
  let n_start = group.x * ${WX * TN}u;
#for I in 0..TM
#for J in 0..TN / 4
  var c${I}_${J} = vec4<f32>();
#endfor
#endfor
#if SUMS
  var sum = vec4<f32>();
#endif

  for (var block = 0u; block < ${((K + BK - 1) / BK + SPLITS - 1) / SPLITS}u; block++) {
    let k0 = k_start + block * ${BK}u;
#if TRANS_A
    for (var step = 0u; step < ${(BK * WY * TM / 4 + WX * WY - 1) / (WX * WY)}u; step++) {
      let item = step * ${WX * WY}u + thread;
      if (item < ${BK * WY * TM / 4}u) {
        tile_a[item] = a_quad(a_base, k0 + item / ${WY * TM / 4}u, m_start + item % ${WY * TM / 4}u * 4u);
      }
    }
#else
    // Four by four at a time, turned in registers; eight neighbouring threads write to eight neighbouring places.
    for (var step = 0u; step < ${(BK * WY * TM / 16 + WX * WY - 1) / (WX * WY)}u; step++) {
      let item = step * ${WX * WY}u + thread;
      if (item < ${BK * WY * TM / 16}u) {
        let m = item % 8u + item / ${BK * 2}u * 8u;
        let k = item / 8u % ${BK / 4}u * 4u;
#for E in 0..4
        let q${E} = a_quad(a_base, m_start + m * 4u + ${E}u, k0 + k);
#endfor
#for E in 0..4
        tile_a[(k + ${E}u) * ${WY * TM / 4}u + m] = vec4<f32>(q0[${E}], q1[${E}], q2[${E}], q3[${E}]);
#endfor
      }
    }
#endif
#if TRANS_B
    // From the last thread on, which may have nothing to do for a.
    for (var step = 0u; step < ${(BK * WX * TN / 16 + WX * WY - 1) / (WX * WY)}u; step++) {
      let item = step * ${WX * WY}u + ${WX * WY - 1}u - thread;
      if (item < ${BK * WX * TN / 16}u) {
        let n = item % 8u + item / ${BK * 2}u * 8u;
        let k = item / 8u % ${BK / 4}u * 4u;
#for E in 0..4
        let q${E} = b_quad(b_base, n_start + n * 4u + ${E}u, k0 + k);
#endfor
#for E in 0..4
        tile_b[(k + ${E}u) * ${WX * TN / 4}u + n] = vec4<f32>(q0[${E}], q1[${E}], q2[${E}], q3[${E}]);
#endfor
      }
    }
#else
    for (var step = 0u; step < ${(BK * WX * TN / 4 + WX * WY - 1) / (WX * WY)}u; step++) {
      let item = step * ${WX * WY}u + thread;
      if (item < ${BK * WX * TN / 4}u) {
        tile_b[item] = b_quad(b_base, k0 + item / ${WX * TN / 4}u, n_start + item % ${WX * TN / 4}u * 4u);
      }
    }
#endif
    // The tiles are whole before anyone reads them, and read before anyone fills them again.
    workgroupBarrier();
    for (var k = 0u; k < ${BK}u; k++) {
#for I in 0..TM / 4
      let a${I} = tile_a[k * ${WY * TM / 4}u + local.y + ${I * WY}u];
#endfor
#for J in 0..TN / 4
      let b${J} = tile_b[k * ${WX * TN / 4}u + local.x + ${J * WX}u];
#endfor
#for I in 0..TM
#for J in 0..TN / 4
      c${I}_${J} += a${I / 4}[${I % 4}] * b${J};
#endfor
#endfor
    }
#if SUMS
    if (group.x == 0u) {
      for (var k = 0u; k < ${BK}u; k++) {
        sum += tile_a[k * ${WY * TM / 4}u + thread % ${WY * TM / 4}u];
      }
    }
#endif
    workgroupBarrier();
  }

#if SUMS
  if ((group.x == 0u) & (thread < ${WY * TM / 4}u)) {
#for E in 0..4
    if (m_start + thread * 4u + ${E}u < ${M}u) {
      sums[group.z * ${M}u + m_start + thread * 4u + ${E}u] = sum[${E}];
    }
#endfor
  }
#endif
#if MOMENTS
#for I in 0..TM
  let row${I} = m_start + (local.y + ${I / 4 * WY}u) * 4u + ${I % 4}u;
#endfor
#for J in 0..TN
  let out${J} = n_start + (local.x + ${J / 4 * WX}u) * 4u + ${J % 4}u;
#endfor
  let row_start = m_start;
  let row_end = ${M}u;
  let column_end = ${N}u;
  let moments_at = group.y * ${N}u;
#include "lib/column_moments.wgsl"
#endif
#for J in 0..TN / 4
  let n${J} = n_start + (local.x + ${J * WX}u) * 4u;
#endfor
#for I in 0..TM
  let m${I} = m_start + (local.y + ${I / 4 * WY}u) * 4u + ${I % 4}u;
#if M % (WY * TM) != 0
  if (m${I} < ${M}u) {
#else
  {
#endif
    let row = (group.z * ${M}u + m${I}) * ${N}u;
#for J in 0..TN / 4
#for E in 0..4
#if N % (WX * TN) != 0
    if (n${J} + ${E}u < ${N}u) {
      store_y(row + n${J} + ${E}u, c${I}_${J}[${E}]);
    }
#else
    store_y(row + n${J} + ${E}u, c${I}_${J}[${E}]);
#endif
#endfor
#endfor
  }
#endfor
}
