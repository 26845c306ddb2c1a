// backward_step.wgsl: gradient of one step of a recurrent layer, where a state is too large for a workgroup.
//
//   The formulas are those of backward.wgsl; the products are those of the step after, dp W.
//
//   w       [GATES UNITS, UNITS]         f32  read
//   saved   [BATCH, TIME, PARTS, UNITS]  f32  read   as in backward.wgsl
//   dx      [BATCH, TIME, GATES UNITS]   f32  read_write  of x; of the products as well, but for gru
//   dstate  [1 or 2, BATCH, UNITS]       f32  read_write  of h, without what comes through the products, and c before the step
//   count   [groups]                     f32  read_write  how many steps each workgroup has done
//   prev    [BATCH, TIME, UNITS]         f32  read   h before each step, of gru
//   dp      [BATCH, TIME, GATES UNITS]   f32  read_write  of the products, of gru
//
// Dispatch: WX x WY threads, each 4 units of ROWS rows; grid (ceil(UNITS / (4 WX)), ceil(BATCH / (WY ROWS)), 1), for each step and once more.
// Params:   BATCH TIME UNITS GATES  sizes.
//           ROWS WX WY  rows of a thread, threads of a workgroup.
//           BK          depth of a shared tile.
//           IS_QUADS    UNITS is a multiple of 4, and w is read by fours.
//           IS_FIRST    the last step, from which the others go back; which one those are stands in count.
//           IS_END      after step 0: the products alone are added to dstate.
//           the others  as in retreat.wgsl and rows.wgsl.

#if IS_QUADS
@group(0) @binding(0) var<storage, read> w: array<vec4<f32>>;
#else
@group(0) @binding(0) var<storage, read> w: array<f32>;
#endif
@group(0) @binding(1) var<storage, read> saved: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<storage, read_write> dstate: array<f32>;
@group(0) @binding(4) var<storage, read_write> count: array<f32>;
#if IS_GRU
@group(0) @binding(5) var<storage, read> prev: array<f32>;
@group(0) @binding(6) var<storage, read_write> dp: array<f32>;
#endif
#include "recurrent/retreat.wgsl"

// Tiles as [k][rows of a thread] and [k][four units].
var<workgroup> tile_s: array<f32, ${BK * WY * ROWS}>;
var<workgroup> tile_w: array<vec4<f32>, ${BK * WX}>;

// Four weights that lead from product k to the units from here on; those beyond UNITS repeat the last.
fn w_quad(k: u32, unit: u32) -> vec4<f32> {
#if IS_QUADS
  return w[k * ${UNITS / 4}u + min(unit, ${UNITS - 4}u) / 4u];
#else
  return vec4<f32>(
#for E in 0..4
    w[k * ${UNITS}u + min(unit + ${E}u, ${UNITS - 1}u)],
#endfor
  );
#endif
}

@compute @workgroup_size(${WX}, ${WY})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let first_unit = group.x * ${4 * WX}u;
  let first_row = group.y * ${WY * ROWS}u;
#if IS_FIRST
  let done = 0u;
#elif IS_END
  let done = ${TIME}u;
#else
  let done = u32(count[group.y * ${(UNITS + 4 * WX - 1) / (4 * WX)}u + group.x]);
  storageBarrier();
#endif
#for E in 0..4
  var product${E} = Values();
#endfor
#if !IS_FIRST
  for (var block = 0u; block < ${(GATES * UNITS + BK - 1) / BK}u; block++) {
    for (var n = 0u; n < ${(BK * WY * ROWS + WX * WY - 1) / (WX * WY)}u; n++) {
      let item = n * ${WX * WY}u + thread;
      let own = item / ${BK}u;
      let k = block * ${BK}u + item % ${BK}u;
      if (own < ${WY * ROWS}u) {
        let row = min(first_row + own, ${BATCH - 1}u);
        let i = position_of(row, ${TIME}u - done, length_of(row)) * ${GATES * UNITS}u + min(k, ${GATES * UNITS - 1}u);
#if IS_GRU
        tile_s[item % ${BK}u * ${WY * ROWS}u + own] = select(0.0, dp[i], k < ${GATES * UNITS}u);
#else
        tile_s[item % ${BK}u * ${WY * ROWS}u + own] = select(0.0, dx[i], k < ${GATES * UNITS}u);
#endif
      }
    }
    for (var n = 0u; n < ${(BK * WX + WX * WY - 1) / (WX * WY)}u; n++) {
      let item = n * ${WX * WY}u + thread;
      if (item < ${BK * WX}u) {
        let k = min(block * ${BK}u + item / ${WX}u, ${GATES * UNITS - 1}u);
        tile_w[item] = w_quad(k, first_unit + item % ${WX}u * 4u);
      }
    }
    workgroupBarrier();
    for (var k = 0u; k < ${BK}u; k++) {
      let weights = tile_w[k * ${WX}u + local.x];
      let slopes = Values(
#for R in 0..ROWS
        tile_s[k * ${WY * ROWS}u + local.y * ${ROWS}u + ${R}u],
#endfor
      );
#for E in 0..4
      product${E} += weights[${E}] * slopes;
#endfor
    }
    workgroupBarrier();
  }
#endif

  var products = array<f32, ${4 * ROWS}>(
#for R in 0..ROWS
#for E in 0..4
    in_row${R}(product${E}),
#endfor
#endfor
  );
  for (var n = 0u; n < ${4 * ROWS}u; n++) {
    let row = first_row + local.y * ${ROWS}u + n / 4u;
    let unit = first_unit + local.x * 4u + n % 4u;
    if ((unit < ${UNITS}u) & (row < ${BATCH}u)) {
      let i = row * ${UNITS}u + unit;
      let dh = initial(i) + products[n];
#if IS_END
      dstate[i] = dh;
#else
      let step = ${TIME - 1}u - done;
      let length = length_of(row);
#if IS_LSTM
      let back = retreat(position_of(row, step, length), unit, step < length, Slope(dh, initial(${BATCH * UNITS}u + i)));
      dstate[${BATCH * UNITS}u + i] = back.before.c;
#else
      let back = retreat(position_of(row, step, length), unit, step < length, Slope(dh, 0.0));
#endif
      dstate[i] = back.before.h;
#endif
    }
  }
#if !IS_END
  if (thread == 0u) {
    count[group.y * ${(UNITS + 4 * WX - 1) / (4 * WX)}u + group.x] = f32(done + 1u);
  }
#endif
}
