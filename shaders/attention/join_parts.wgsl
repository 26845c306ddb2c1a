// join_parts.wgsl: the second of two stages of attention of few queries: brings the parts of the keys together.
//
//   o[b, i, h] = sum_s e ** (top_s - top) sum_s / total;  lse[b, h, i] = top + log total
//
//   parts  [BATCH, HEADS, QUERIES, SPLITS, DEPTH + 2]  f32  read   as forward_single.wgsl writes them
//   o      [BATCH, QUERIES, HEADS, DEPTH]              f32  write  0 where a query sees no key
//   lse    [BATCH, HEADS, QUERIES]                     f32  write  0 where a query sees no key
//
// Dispatch: one thread per element of o; grid (ROW / THREADS, as many rows as it takes, 1).
// Params:   HEADS QUERIES DEPTH SPLITS  sizes.
//           COUNT         BATCH QUERIES HEADS DEPTH.
//           THREADS ROW   threads of a workgroup, and of one grid row.

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> o: array<f32>;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let at = id.y * ${ROW}u + id.x;
  if (at >= ${COUNT}u) {
    return;
  }
  let d = at % ${DEPTH}u;
  let head = at / ${DEPTH}u % ${HEADS}u;
  let query = at / ${DEPTH * HEADS}u % ${QUERIES}u;
  let line = (at / ${DEPTH * HEADS * QUERIES}u * ${HEADS}u + head) * ${QUERIES}u + query;
  let first = line * ${SPLITS * (DEPTH + 2)}u;
  var top = parts[first + ${DEPTH}u];
  for (var s = 1u; s < ${SPLITS}u; s++) {
    top = max(top, parts[first + s * ${DEPTH + 2}u + ${DEPTH}u]);
  }
  var total = 0.0;
  var sum = 0.0;
  for (var s = 0u; s < ${SPLITS}u; s++) {
    let part = first + s * ${DEPTH + 2}u;
    let share = exp(parts[part + ${DEPTH}u] - top);
    total += share * parts[part + ${DEPTH + 1}u];
    sum += share * parts[part + d];
  }
  let is_seen = total > 0.0;
  o[at] = select(0.0, sum / total, is_seen);
  if (d == 0u) {
    lse[line] = select(0.0, top + log(total), is_seen);
  }
}
