// avg_grad.wgsl: gradient of the mean of each window, gathered by input element.
//
//   dx[n, h, v, c] = sum of dy[n, p, q, c] / divisor(p, q) over the windows that hold (h, v)
//
//   dy  [N, P, Q, C]  DY_TYPE  read
//   dx  [N, H, W, C]  f32  through store_y
//
// Dispatch: one thread per element of dx, 64 per workgroup; grid (GRID_X, ceil(N H W C / (64 GRID_X)), 1).
// Params:   N H W C P Q      sizes of x [N, H, W, C] and y [N, P, Q, C].
//           KH KW SH SW PH PW  window, stride, padding.
//           COUNT_PADDING    padding counts in the divisor, as far as the padded image reaches.
//           REACH_H REACH_W  windows along each axis that may hold one pixel.
//           GRID_X           workgroups along x.
//           DY_TYPE          f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 1 on, and fn store_y(i: u32, value: f32).
// Windows that do not exist are read from index 0 and not taken.

@group(0) @binding(0) var<storage, read> dy: array<${DY_TYPE}>;
${EPILOGUE_DECLS}

// Number of elements by which window (p, q) is divided.
fn divisor(p: u32, q: u32) -> f32 {
#if PH + PW == 0
  return ${KH * KW}.0;
#else
  let top = i32(p * ${SH}u) - ${PH}i;
  let left = i32(q * ${SW}u) - ${PW}i;
#if COUNT_PADDING
  let rows = min(top + ${KH}i, ${H + PH}i) - top;
  let columns = min(left + ${KW}i, ${W + PW}i) - left;
#else
  let rows = min(top + ${KH}i, ${H}i) - max(top, 0i);
  let columns = min(left + ${KW}i, ${W}i) - max(left, 0i);
#endif
  return f32(rows * columns);
#endif
}

// What window (p, q) gives to the pixel (down, right) from the padded corner; `image` is element (n, 0, 0, c) of y. A
// negative window or distance is beyond every size as u32.
fn given(image: u32, down: u32, right: u32, p: u32, q: u32) -> f32 {
  let is_tap = (down - p * ${SH}u < ${KH}u) & (right - q * ${SW}u < ${KW}u);
  let is_held = is_tap & (p < ${P}u) & (q < ${Q}u);
  let i = select(0u, image + (p * ${Q}u + q) * ${C}u, is_held);
  return select(0.0, f32(dy[i]) / divisor(p, q), is_held);
}

#include "lib/pool_windows.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let i = (group.y * ${GRID_X}u + group.x) * 64u + thread;
  if (i >= ${N * H * W * C}u) {
    return;
  }
  store_y(i, given_by_all(i));
}
