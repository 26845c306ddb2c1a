// forward_step.wgsl: one step of a recurrent layer, its products, gates and states together, where a state is too large for a workgroup.
//
//   The formulas are those of forward.wgsl.
//
//   w      [GATES UNITS, UNITS]               f32  read
//   last   [1 or 2, BATCH, UNITS]             f32  read_write  h, and c of lstm, after the step
//   carry  [2, BATCH, UNITS], then [groups]   f32  read_write  h before and after by turns; how many steps each workgroup has done
//   prev   [BATCH, TIME, UNITS]               f32  write  h before each step
//   saved  [BATCH, TIME, PARTS, UNITS]        f32  write  as in forward.wgsl
//
// Dispatch: WX x WY threads, each a unit of ROWS rows; grid (ceil(UNITS / WX), ceil(BATCH / (WY ROWS)), 1), once for each step.
// Params:   BATCH TIME UNITS GATES  sizes.
//           ROWS WX WY  rows of a thread, threads of a workgroup.
//           BK          depth of a shared tile, a multiple of 4.
//           IS_QUADS    UNITS is a multiple of 4, and w and carry are read by fours.
//           START       0 in the first step, 1 in all others: which one it is stands in carry.
//           the others  as in advance.wgsl and rows.wgsl.

#if IS_QUADS
@group(0) @binding(0) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> carry: array<vec4<f32>>;
#else
@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> carry: array<f32>;
#endif
@group(0) @binding(1) var<storage, read_write> last: array<f32>;
#if IS_SAVING
@group(0) @binding(3) var<storage, read_write> prev: array<f32>;
#endif
#if HAS_SAVED
@group(0) @binding(4) var<storage, read_write> saved: array<f32>;
#endif
#include "recurrent/advance.wgsl"

// Tiles as [four k][row] and [four k][gate][unit].
var<workgroup> tile_h: array<vec4<f32>, ${BK / 4 * WY * ROWS}>;
var<workgroup> tile_w: array<vec4<f32>, ${BK / 4 * GATES * WX}>;

// Four weights of a column from k on, zeros beyond UNITS.
fn w_quad(column: u32, k: u32) -> vec4<f32> {
#if IS_QUADS
  return select(vec4<f32>(), w[column * ${UNITS / 4}u + min(k, ${UNITS - 4}u) / 4u], k < ${UNITS}u);
#else
  return vec4<f32>(
#for E in 0..4
    select(0.0, w[column * ${UNITS}u + min(k + ${E}u, ${UNITS - 1}u)], k + ${E}u < ${UNITS}u),
#endfor
  );
#endif
}

// Four h before the step, of a row whose first is element `start` of carry.
fn h_quad(start: u32, k: u32) -> vec4<f32> {
#if START > 0 && IS_QUADS
  return carry[(start + min(k, ${UNITS - 4}u)) / 4u];
#else
  return vec4<f32>(
#for E in 0..4
#if START > 0
    carry[start + min(k + ${E}u, ${UNITS - 1}u)],
#else
    initial(start + min(k + ${E}u, ${UNITS - 1}u)),
#endif
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
  let first_unit = group.x * ${WX}u;
  let first_row = group.y * ${WY * ROWS}u;
  let place = group.y * ${(UNITS + WX - 1) / WX}u + group.x;
#if START > 0
#if IS_QUADS
  let step = u32(carry[${2 * BATCH * UNITS / 4}u + place].x);
#else
  let step = u32(carry[${2 * BATCH * UNITS}u + place]);
#endif
  storageBarrier();
  let before = step % 2u * ${BATCH * UNITS}u;
#else
  let step = 0u;
  let before = 0u;
#endif
#for R in 0..ROWS
#for G in 0..GATES
  var p${R}_${G} = 0.0;
#endfor
#endfor
#if START > 0 || HAS_STATE
  for (var block = 0u; block < ${(UNITS + BK - 1) / BK}u; block++) {
    for (var n = 0u; n < ${(BK / 4 * WY * ROWS + WX * WY - 1) / (WX * WY)}u; n++) {
      let item = n * ${WX * WY}u + thread;
      let row = item / ${BK / 4}u;
      let k = item % ${BK / 4}u;
      if (row < ${WY * ROWS}u) {
        let start = before + min(first_row + row, ${BATCH - 1}u) * ${UNITS}u;
        tile_h[k * ${WY * ROWS}u + row] = h_quad(start, block * ${BK}u + k * 4u);
      }
    }
    for (var n = 0u; n < ${(BK / 4 * GATES * WX + WX * WY - 1) / (WX * WY)}u; n++) {
      let item = n * ${WX * WY}u + thread;
      let column = item / ${BK / 4}u;
      let k = item % ${BK / 4}u;
      if (column < ${GATES * WX}u) {
        let at = column / ${WX}u * ${UNITS}u + min(first_unit + column % ${WX}u, ${UNITS - 1}u);
        tile_w[k * ${GATES * WX}u + column] = w_quad(at, block * ${BK}u + k * 4u);
      }
    }
    workgroupBarrier();
    for (var k = 0u; k < ${BK / 4}u; k++) {
#for R in 0..ROWS
      let h${R} = tile_h[k * ${WY * ROWS}u + local.y * ${ROWS}u + ${R}u];
#endfor
#for G in 0..GATES
      let w${G} = tile_w[k * ${GATES * WX}u + ${G * WX}u + local.x];
#for R in 0..ROWS
      p${R}_${G} += dot(h${R}, w${G});
#endfor
#endfor
    }
    workgroupBarrier();
  }
#endif

  var products = array<Gates, ${ROWS}>(
#for R in 0..ROWS
    Gates(
#for G in 0..GATES
      p${R}_${G},
#endfor
    ),
#endfor
  );
  let unit = first_unit + local.x;
  for (var r = 0u; r < ${ROWS}u; r++) {
    let row = first_row + local.y * ${ROWS}u + r;
    if ((unit < ${UNITS}u) & (row < ${BATCH}u)) {
      let i = row * ${UNITS}u + unit;
      let length = length_of(row);
#if IS_LSTM
      let state = State(initial(i), initial(${BATCH * UNITS}u + i));
#else
      let state = State(initial(i), 0.0);
#endif
      let after = advance(position_of(row, step, length), unit, step < length, products[r], state);
      last[i] = after.h;
#if IS_LSTM
      last[${BATCH * UNITS}u + i] = after.c;
#endif
      let next = (1u - step % 2u) * ${BATCH * UNITS}u + i;
#if IS_QUADS
      carry[next / 4u][next % 4u] = after.h;
#else
      carry[next] = after.h;
#endif
    }
  }
  if (thread == 0u) {
#if IS_QUADS
    carry[${2 * BATCH * UNITS / 4}u + place].x = f32(step + 1u);
#else
    carry[${2 * BATCH * UNITS}u + place] = f32(step + 1u);
#endif
  }
}
