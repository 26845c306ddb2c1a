// max_grad.wgsl: gradient of the largest element of each window, gathered by input element.
//
//   dx[n, h, v, c] = sum of dy[n, p, q, c] over the windows whose first largest element is (h, v)
//
//   places  [N, P, Q, C]  f32  read
//   dy      [N, P, Q, C]  DY_TYPE  read
//   dx      [N, H, W, C]  f32  through store_y
//
// Dispatch: one thread per element of dx, 64 per workgroup; grid (GRID_X, ceil(N H W C / (64 GRID_X)), 1).
// Params:   N H W C P Q      sizes of x [N, H, W, C] and y [N, P, Q, C].
//           KH KW SH SW PH PW DH DW  window, stride, padding, dilation.
//           REACH_H REACH_W  windows along each axis that may hold one pixel.
//           GRID_X           workgroups along x.
//           DY_TYPE          f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 2 on, and fn store_y(i: u32, value: f32).
// A place is kh KW + kw of the largest element. Elements of windows that do not exist are read from index 0 and not
// taken.

@group(0) @binding(0) var<storage, read> places: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<${DY_TYPE}>;
${EPILOGUE_DECLS}

// What window (p, q) gives to the pixel (down, right) from the padded corner; `image` is element (n, 0, 0, c) of y. A
// negative window or distance is beyond every size as u32.
fn given(image: u32, down: u32, right: u32, p: u32, q: u32) -> f32 {
#if DH == 1 && DW == 1
  let kh = down - p * ${SH}u;
  let kw = right - q * ${SW}u;
  let is_tap = (kh < ${KH}u) & (kw < ${KW}u);
#else
  let kh = (down - p * ${SH}u) / ${DH}u;
  let kw = (right - q * ${SW}u) / ${DW}u;
  let is_tap = (kh < ${KH}u) & (kw < ${KW}u) & (p * ${SH}u + kh * ${DH}u == down) & (q * ${SW}u + kw * ${DW}u == right);
#endif
  let is_held = is_tap & (p < ${P}u) & (q < ${Q}u);
  let i = select(0u, image + (p * ${Q}u + q) * ${C}u, is_held);
  return select(0.0, f32(dy[i]), is_held & (places[i] == f32(kh * ${KW}u + kw)));
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
