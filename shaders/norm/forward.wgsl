// forward.wgsl: normalizes rows, each by its own statistics, in one visit.
//
//   y[r, c] = (x[r, c] - mean[r]) rstd[r] weight[c] + bias[c],  rstd = 1 / sqrt(mean of (x - mean)^2 + EPS)
//
//   stats  [ROWS, 2]  f32  write  mean and rstd; the mean is 0 unless IS_CENTERED
//
// Dispatch: LANES threads per row, LINES rows per workgroup; grid (WIDTH, as many rows as it takes, 1).
// Params:   ROWS COLUMNS   sizes.
//           STEPS          ceil(COLUMNS / LANES).
//           LANES LINES LEVELS  as in lib/lanes.wgsl.
//           WIDTH          workgroups of one grid row.
//           EPS            added to the variance.
//           IS_CENTERED    the mean is taken off; otherwise it counts as 0.
//           HAS_BIAS       there is a bias.
//           LOAD_X LOAD_WEIGHT LOAD_BIAS  fn load_x, load_weight and load_bias (i: u32) -> f32.
//           EPILOGUE_DECLS binding of y, and fn store_y(i: u32, value).

@group(0) @binding(0) var<storage, read_write> stats: array<f32>;
${LOAD_X}
${LOAD_WEIGHT}
${LOAD_BIAS}
${EPILOGUE_DECLS}
alias Part = f32;
fn meet(a: f32, b: f32) -> f32 {
  return a + b;
}
#include "lib/lanes.wgsl"

@compute @workgroup_size(${LANES * LINES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let line = (group.y * ${WIDTH}u + group.x) * ${LINES}u + thread / ${LANES}u;
  let row = min(line, ${ROWS - 1}u);
  let lane = thread % ${LANES}u;
  let first = row * ${COLUMNS}u;
  var mean = 0.0;
#if IS_CENTERED
  // Sums of distances from an element of the row keep the digits that sums of the elements would lose.
  let anchor = load_x(first);
  var total = 0.0;
  for (var k = 0u; k < ${STEPS}u; k++) {
    let c = k * ${LANES}u + lane;
    if (c < ${COLUMNS}u) {
      total += load_x(first + c) - anchor;
    }
  }
  mean = anchor + row_total(total, thread) / f32(${COLUMNS}u);
#endif
  var squares = 0.0;
  for (var k = 0u; k < ${STEPS}u; k++) {
    let c = k * ${LANES}u + lane;
    if (c < ${COLUMNS}u) {
      let distance = load_x(first + c) - mean;
      squares += distance * distance;
    }
  }
  let variance = row_total(squares, thread) / f32(${COLUMNS}u);
  let rstd = inverseSqrt(variance + ${EPS});
  if (line >= ${ROWS}u) {
    return;
  }
  if (lane == 0u) {
    stats[2u * row] = mean;
    stats[2u * row + 1u] = rstd;
  }
  for (var k = 0u; k < ${STEPS}u; k++) {
    let c = k * ${LANES}u + lane;
    if (c < ${COLUMNS}u) {
      let value = (load_x(first + c) - mean) * rstd * load_weight(c);
#if HAS_BIAS
      store_y(first + c, value + load_bias(c));
#else
      store_y(first + c, value);
#endif
    }
  }
}
