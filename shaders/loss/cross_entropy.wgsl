// cross_entropy.wgsl: cross entropy of rows of logits with the numbers of classes, and its gradient, in one visit.
//
//   p = softmax(x[r]);  q[c] = (c == target[r]) (1 - SMOOTH) + SMOOTH / COLUMNS
//   losses[r] = -scale[r] sum over c of q[c] log(p[c]);  slopes[r, c] = scale[r] (p[c] - q[c])
//
//   losses  [ROWS]             f32  write  unless IS_PART
//   parts   [ROWS, SPLITS, 4]  f32  write  where IS_PART: the largest logit of a part of a row, the sum of e ** (x - it), the sum of x
//   known   [ROWS, SPLITS, 4]  f32  read   the same, where HAS_PARTS
//
// Dispatch: LANES threads per part of a row, LINES parts per workgroup; grid (WIDTH, as many rows as it takes, 1).
// Params:   ROWS COLUMNS   sizes.
//           SPLITS LENGTH  parts of a row, and columns of a part.
//           IS_PART HAS_PARTS  the first and the second of two stages over parts; neither where a row has but one.
//           STEPS          ceil(LENGTH / LANES).
//           LANES LINES LEVELS  as in lib/lanes.wgsl.
//           WIDTH          workgroups of one grid row.
//           SMOOTH         the share of the target that is spread over all classes.
//           LOAD_X LOAD_TARGET LOAD_SCALE  fn load_x (i: u32) -> f32, load_target (i: u32) -> i32 within the classes, load_scale -> f32.
//           EPILOGUE_DECLS binding of slopes, and fn store_y(i: u32, value).

#if IS_PART
@group(0) @binding(0) var<storage, read_write> parts: array<f32>;
#else
@group(0) @binding(0) var<storage, read_write> losses: array<f32>;
#if HAS_PARTS
@group(0) @binding(1) var<storage, read> known: array<f32>;
#endif
#endif
${LOAD_X}
${LOAD_TARGET}
${LOAD_SCALE}
${EPILOGUE_DECLS}

alias Part = vec3<f32>;
fn meet(a: Part, b: Part) -> Part {
  let top = max(a.x, b.x);
  return Part(top, a.y * exp(a.x - top) + b.y * exp(b.x - top), a.z + b.z);
}
#include "lib/lanes.wgsl"

@compute @workgroup_size(${LANES * LINES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let line = (group.y * ${WIDTH}u + group.x) * ${LINES}u + thread / ${LANES}u;
  let lane = thread % ${LANES}u;
  let at = min(line, ${ROWS * SPLITS - 1}u);
  let row = at / ${SPLITS}u;
  let start = at % ${SPLITS}u * ${LENGTH}u;
  let end = min(start + ${LENGTH}u, ${COLUMNS}u);
#if HAS_PARTS
  var total = Part(-3.0e38, 0.0, 0.0);
  for (var s = 0u; s < ${SPLITS}u; s++) {
    let i = 4u * (row * ${SPLITS}u + s);
    total = meet(total, Part(known[i], known[i + 1u], known[i + 2u]));
  }
#else
  var own = Part(-3.0e38, 0.0, 0.0);
  for (var k = 0u; k < ${STEPS}u; k++) {
    let c = start + k * ${LANES}u + lane;
    if (c < end) {
      let value = load_x(row * ${COLUMNS}u + c);
      own = meet(own, Part(value, 1.0, value));
    }
  }
  let total = row_total(own, thread);
#endif
  if (line >= ${ROWS * SPLITS}u) {
    return;
  }
#if IS_PART
  if (lane == 0u) {
    parts[4u * at] = total.x;
    parts[4u * at + 1u] = total.y;
    parts[4u * at + 2u] = total.z;
  }
#else
  let log_total = total.x + log(total.y);
  let hit = u32(load_target(row));
  let scale = load_scale(row);
  if (lane + start == 0u) {
    let expected = (1.0 - ${SMOOTH}) * load_x(row * ${COLUMNS}u + hit) + ${SMOOTH} * total.z / f32(${COLUMNS}u);
    losses[row] = scale * (log_total - expected);
  }
  for (var k = 0u; k < ${STEPS}u; k++) {
    let c = start + k * ${LANES}u + lane;
    if (c < end) {
      let i = row * ${COLUMNS}u + c;
      let share = select(0.0, 1.0 - ${SMOOTH}, c == hit) + ${SMOOTH} / f32(${COLUMNS}u);
      store_y(i, scale * (exp(load_x(i) - log_total) - share));
    }
  }
#endif
}
