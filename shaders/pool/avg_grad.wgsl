// avg_grad.wgsl: gradient of the mean of each window, gathered by input element.
//
//   dx[n, h, v, c] = sum of dy[n, p, q, c] / divisor(p, q) over the windows that hold (h, v)
//
//   dy  [N, P, Q, C]  f32  read
//   dx  [N, H, W, C]  f32  through store_y
//
// Dispatch: one thread per element of dx, 64 per workgroup; grid (GRID_X, ceil(N H W C / (64 GRID_X)), 1).
// Params:   N H W C P Q      sizes of x [N, H, W, C] and y [N, P, Q, C].
//           KH KW SH SW PH PW  window, stride, padding.
//           COUNT_PADDING    padding counts in the divisor, as far as the padded image reaches.
//           GRID_X           workgroups along x.
//           EPILOGUE_DECLS   binding of y from 1 on, and fn store_y(i: u32, value: f32).

@group(0) @binding(0) var<storage, read> dy: array<f32>;
${EPILOGUE_DECLS}

// Number of elements by which window (p, q) is divided.
fn divisor(p: u32, q: u32) -> f32 {
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
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let i = (group.y * ${GRID_X}u + group.x) * 64u + thread;
  if (i >= ${N * H * W * C}u) {
    return;
  }
  let c = i % ${C}u;
  let v = i / ${C}u % ${W}u;
  let h = i / ${W * C}u % ${H}u;
  let n = i / ${H * W * C}u;
  var sum = 0.0;
  for (var kh = 0u; kh < ${KH}u; kh++) {
    let down = i32(h + ${PH}u) - i32(kh);
    let p = down / ${SH}i;
    for (var kw = 0u; kw < ${KW}u; kw++) {
      let right = i32(v + ${PW}u) - i32(kw);
      let q = right / ${SW}i;
      let is_window = (down >= 0i) & (right >= 0i) & (p * ${SH}i == down) & (q * ${SW}i == right) &
        (p < ${P}i) & (q < ${Q}i);
      if (is_window) {
        sum += dy[((n * ${P}u + u32(p)) * ${Q}u + u32(q)) * ${C}u + c] / divisor(u32(p), u32(q));
      }
    }
  }
  store_y(i, sum);
}
