// row_dots.wgsl: what the gradient of attention needs of each query beside its operands.
//
//   stats[b, h, i] = (lse[b, h, i], sum over d of o[b, i, h, d] g[b, i, h, d])
//
//   o      [BATCH, QUERIES, HEADS, DEPTH]  f32  read
//   g      [BATCH, QUERIES, HEADS, DEPTH]  f32  read  gradient of o
//   lse    [BATCH, HEADS, QUERIES]         f32  read
//   stats  [BATCH, HEADS, QUERIES, 2]      f32  write
//
// Dispatch: a thread per query and head; grid (ROW / THREADS, as many rows as it takes, 1).
// Params:   HEADS QUERIES DEPTH  sizes.
//           COUNT           BATCH HEADS QUERIES.
//           THREADS ROW     threads of a workgroup, and of one grid row.
//           IS_QUADS        DEPTH is a multiple of 4.

#if IS_QUADS
@group(0) @binding(0) var<storage, read> o: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> g: array<vec4<f32>>;
#else
@group(0) @binding(0) var<storage, read> o: array<f32>;
@group(0) @binding(1) var<storage, read> g: array<f32>;
#endif
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read_write> stats: array<f32>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  // Threads go along rows of o, whose heads lie side by side.
  let t = id.y * ${ROW}u + id.x;
  if (t >= ${COUNT}u) {
    return;
  }
  let head = t % ${HEADS}u;
  let query = t / ${HEADS}u % ${QUERIES}u;
  let batch = t / ${HEADS * QUERIES}u;
  var total = 0.0;
#if IS_QUADS
  for (var c = 0u; c < ${DEPTH / 4}u; c++) {
    total += dot(o[t * ${DEPTH / 4}u + c], g[t * ${DEPTH / 4}u + c]);
  }
#else
  for (var c = 0u; c < ${DEPTH}u; c++) {
    total += o[t * ${DEPTH}u + c] * g[t * ${DEPTH}u + c];
  }
#endif
  let at = (batch * ${HEADS}u + head) * ${QUERIES}u + query;
  stats[2u * at] = lse[at];
  stats[2u * at + 1u] = total;
}
