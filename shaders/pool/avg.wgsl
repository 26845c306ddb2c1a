// avg.wgsl: mean of each window of NHWC images.
//
//   y[n, p, q, c] = sum_{kh, kw} x[n, p SH - PH + kh, q SW - PW + kw, c] / divisor(p, q),  x zero outside
//
//   x  [N, H, W, C]  f32  read
//   y  [N, P, Q, C]  f32  through store_y
//
// Dispatch: one thread per element of y, 64 per workgroup; grid (GRID_X, ceil(N P Q C / (64 GRID_X)), 1).
// Params:   N H W C P Q      sizes of x [N, H, W, C] and y [N, P, Q, C].
//           KH KW SH SW PH PW  window, stride, padding.
//           COUNT_PADDING    padding counts in the divisor, as far as the padded image reaches.
//           GRID_X           workgroups along x.
//           EPILOGUE_DECLS   binding of y from 1 on, and fn store_y(i: u32, value: f32).
// Every window must hold at least one element of x.

@group(0) @binding(0) var<storage, read> x: array<f32>;
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
  if (i >= ${N * P * Q * C}u) {
    return;
  }
  let c = i % ${C}u;
  let q = i / ${C}u % ${Q}u;
  let p = i / ${Q * C}u % ${P}u;
  let n = i / ${P * Q * C}u;
  var sum = 0.0;
  for (var kh = 0u; kh < ${KH}u; kh++) {
    let h = i32(p * ${SH}u + kh) - ${PH}i;
    for (var kw = 0u; kw < ${KW}u; kw++) {
      let v = i32(q * ${SW}u + kw) - ${PW}i;
      if ((u32(h) < ${H}u) & (u32(v) < ${W}u)) {
        sum += x[((n * ${H}u + u32(h)) * ${W}u + u32(v)) * ${C}u + c];
      }
    }
  }
  store_y(i, sum / divisor(p, q));
}
