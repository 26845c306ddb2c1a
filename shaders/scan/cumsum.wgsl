// cumsum.wgsl: running sums along an axis, one invocation for each line.
//
//   y[o, k, n] = sum over j <= k of x[o, j, n], or over j >= k where REVERSED
//
//   x  [OUTER, SIZE, INNER]  TYPE  through load_x
//   y  [OUTER, SIZE, INNER]  TYPE  through store_y
//
// Dispatch: one thread per line, 64 per workgroup, folded over y; ROW is the number of invocations of one grid row.
// Params:   LINES  OUTER * INNER; SIZE  elements of a line; INNER  how far apart they lie; TYPE  f32, i32 or u32; REVERSED  from the end.
//           LOAD_X  fn load_x(i: u32) -> TYPE; EPILOGUE_DECLS  y and fn store_y(i: u32, value: TYPE).
${LOAD_X}
${EPILOGUE_DECLS}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3<u32>) {
  let line = thread.y * ${ROW}u + thread.x;
  if (line >= ${LINES}u) {
    return;
  }
  let start = line / ${INNER}u * ${SIZE * INNER}u + line % ${INNER}u;
  var sum = ${TYPE}(0);
  for (var k = 0u; k < ${SIZE}u; k++) {
#if REVERSED
    let i = start + (${SIZE - 1}u - k) * ${INNER}u;
#else
    let i = start + k * ${INNER}u;
#endif
    sum += load_x(i);
    store_y(i, sum);
  }
}
