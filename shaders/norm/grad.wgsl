// grad.wgsl: gradient of normalized rows, and parts of those of weight and bias, in one visit.
//
//   n = (x - mean) rstd;  h = g weight;  dx = rstd (h - mean(h) - n mean(h n)), without mean(h) unless IS_CENTERED
//   parts[l, c] = (sum of g n, sum of g) over the BLOCK rows of line l
//
//   stats  [ROWS, 2]            f32  read   mean and rstd of each row
//   parts  [lines, COLUMNS, 2]  f32  write  where HAS_PARTS
//
// Dispatch: LANES threads per line of BLOCK rows, LINES lines per workgroup; grid (WIDTH, as many rows as it takes, 1).
// Params:   ROWS COLUMNS   sizes.
//           STEPS          ceil(COLUMNS / LANES).
//           LANES LINES LEVELS  as in lib/lanes.wgsl.
//           BLOCK          rows of a line, one after another.
//           WIDTH          workgroups of one grid row.
//           IS_CENTERED    the mean was taken off.
//           HAS_PARTS COPIES  parts are stored, a thread holding them for STEPS columns: COPIES is STEPS, otherwise 1.
//           LOAD_X LOAD_G LOAD_WEIGHT  fn load_x, load_g (the gradient of y) and load_weight (i: u32) -> f32.
//           EPILOGUE_DECLS binding of dx, and fn store_y(i: u32, value).

@group(0) @binding(0) var<storage, read> stats: array<f32>;
#if HAS_PARTS
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
#endif
${LOAD_X}
${LOAD_G}
${LOAD_WEIGHT}
${EPILOGUE_DECLS}
alias Part = vec2<f32>;
fn meet(a: Part, b: Part) -> Part {
  return a + b;
}
#include "lib/lanes.wgsl"

@compute @workgroup_size(${LANES * LINES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let line = (group.y * ${WIDTH}u + group.x) * ${LINES}u + thread / ${LANES}u;
  let lane = thread % ${LANES}u;
#if HAS_PARTS
#for K in 0..STEPS
  var part${K} = vec2<f32>();
#endfor
#endif
  for (var b = 0u; b < ${BLOCK}u; b++) {
    let is_row = line * ${BLOCK}u + b < ${ROWS}u;
    let row = min(line * ${BLOCK}u + b, ${ROWS - 1}u);
    let first = row * ${COLUMNS}u;
    let mean = stats[2u * row];
    let rstd = stats[2u * row + 1u];
    var sums = vec2<f32>();
    for (var k = 0u; k < ${STEPS}u; k++) {
      let c = k * ${LANES}u + lane;
      if (c < ${COLUMNS}u) {
        let slope = load_g(first + c) * load_weight(c);
        sums += vec2<f32>(slope, slope * (load_x(first + c) - mean) * rstd);
      }
    }
    let means = row_total(sums, thread) / f32(${COLUMNS}u);
#for K in 0..COPIES
#if HAS_PARTS
    {
      const k = ${K}u;
#else
    for (var k = 0u; k < ${STEPS}u; k++) {
#endif
      let c = k * ${LANES}u + lane;
      if (is_row & (c < ${COLUMNS}u)) {
        let g = load_g(first + c);
        let n = (load_x(first + c) - mean) * rstd;
#if IS_CENTERED
        store_y(first + c, rstd * (g * load_weight(c) - means.x - n * means.y));
#else
        store_y(first + c, rstd * (g * load_weight(c) - n * means.y));
#endif
#if HAS_PARTS
        part${K} += vec2<f32>(g * n, g);
#endif
      }
    }
#endfor
  }
#if HAS_PARTS
#for K in 0..STEPS
  if (${K * LANES}u + lane < ${COLUMNS}u) {
    let at${K} = 2u * (line * ${COLUMNS}u + ${K * LANES}u + lane);
    parts[at${K}] = part${K}.x;
    parts[at${K} + 1u] = part${K}.y;
  }
#endfor
#endif
}
