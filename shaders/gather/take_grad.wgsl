// take_grad.wgsl: gradient of taking slices by their ids: an element sums the slices taken from it, in order.
//
//   dx[o, v, n] = sum over k with id(k) = v of dy[o, k, n]
//
//   links  [SIZE + COUNT]           u32  read
//   dy     [OUTER, COUNT, INNER]    DY_TYPE  read
//   dx     [OUTER, SIZE, INNER]     f32  through store_y
//
// Dispatch: one thread per element of dx, 64 per workgroup; grid (ROW / 64, as many rows as it takes, 1).
// Params:   OUTER SIZE COUNT INNER  sizes.
//           DY_TYPE          f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 2 on, and fn store_y(i: u32, value: f32).
// The positions of an id are chained by links.wgsl.

@group(0) @binding(0) var<storage, read> links: array<u32>;
@group(0) @binding(1) var<storage, read> dy: array<${DY_TYPE}>;
${EPILOGUE_DECLS}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3<u32>) {
  let i = thread.y * ${ROW}u + thread.x;
  if (i >= ${OUTER * SIZE * INNER}u) {
    return;
  }
  let n = i % ${INNER}u;
  let outer = i / ${SIZE * INNER}u * ${COUNT}u;
  var k = links[i / ${INNER}u % ${SIZE}u];
  var sum = 0.0;
  for (var step = 0u; step < ${COUNT}u; step++) {
    if (k >= ${COUNT}u) {
      break;
    }
    sum += f32(dy[(outer + k) * ${INNER}u + n]);
    k = links[${SIZE}u + k];
  }
  store_y(i, sum);
}
