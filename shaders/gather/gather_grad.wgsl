// gather_grad.wgsl: gradient of gathering along an axis: each element sums the places that read it, in order.
//
//   dx[o, v, n] = sum over k with id(o, k, n) = v of dy[o, k, n]
//
//   dy  [OUTER, COUNT, INNER]  DY_TYPE  read
//   dx  [OUTER, SIZE, INNER]   f32  through store_y
//
// Dispatch: one thread per element of dx, 64 per workgroup; grid (ROW / 64, as many rows as it takes, 1).
// Params:   OUTER SIZE COUNT INNER  sizes; ids beyond SIZE - 1 or below 0 are taken for the nearest.
//           LOAD_ID  fn load_id(i: u32) -> SIGNED i32 or else u32; i counts through [OUTER, COUNT, INNER].
//           DY_TYPE          f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y, and fn store_y(i: u32, value: f32).

@group(0) @binding(0) var<storage, read> dy: array<${DY_TYPE}>;
${LOAD_ID}
${EPILOGUE_DECLS}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3<u32>) {
  let i = thread.y * ${ROW}u + thread.x;
  if (i >= ${OUTER * SIZE * INNER}u) {
    return;
  }
  let n = i % ${INNER}u;
  let v = i / ${INNER}u % ${SIZE}u;
  let outer = i / ${SIZE * INNER}u * ${COUNT}u;
  var sum = 0.0;
  for (var k = 0u; k < ${COUNT}u; k++) {
    let at = (outer + k) * ${INNER}u + n;
#if SIGNED
    let id = u32(clamp(load_id(at), 0i, ${SIZE - 1}i));
#else
    let id = min(load_id(at), ${SIZE - 1}u);
#endif
    if (id == v) {
      sum += f32(dy[at]);
    }
  }
  store_y(i, sum);
}
