// avg.wgsl: mean of each window of NHWC images.
//
//   y[n, p, q, c] = sum_{kh, kw} x[n, p SH - PH + kh, q SW - PW + kw, c] / divisor(p, q),  x zero outside
//
//   x  [N, H, W, C]  X_TYPE  read
//   y  [N, P, Q, C]  f32  through store_y
//
// Dispatch: one thread per element of y, 64 per workgroup; grid (GRID_X, ceil(N P Q C / (64 GRID_X)), 1).
// Params:   N H W C P Q      sizes of x [N, H, W, C] and y [N, P, Q, C].
//           KH KW SH SW PH PW  window, stride, padding.
//           COUNT_PADDING    padding counts in the divisor, as far as the padded image reaches.
//           GRID_X           workgroups along x.
//           X_TYPE           f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 1 on, and fn store_y(i: u32, value: f32).
// Every window must hold at least one element of x.

@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}>;
${EPILOGUE_DECLS}

// Number of elements by which a window that starts at (top, left) is divided.
fn divisor(top: i32, left: i32) -> f32 {
#if PH + PW == 0
  return ${KH * KW}.0;
#elif COUNT_PADDING
  let rows = min(top + ${KH}i, ${H + PH}i) - top;
  let columns = min(left + ${KW}i, ${W + PW}i) - left;
  return f32(rows * columns);
#else
  let rows = min(top + ${KH}i, ${H}i) - max(top, 0i);
  let columns = min(left + ${KW}i, ${W}i) - max(left, 0i);
  return f32(rows * columns);
#endif
}

// Tap (kh, kw) of the window that starts at (top, left), which is element `start` of x.
fn tap(start: i32, top: i32, left: i32, kh: u32, kw: u32) -> f32 {
  let i = start + i32((kh * ${W}u + kw) * ${C}u);
#if PH + PW > 0
  let is_in = (u32(top + i32(kh)) < ${H}u) & (u32(left + i32(kw)) < ${W}u);
  return select(0.0, f32(x[select(0i, i, is_in)]), is_in);
#else
  return f32(x[i]);
#endif
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let i = (group.y * ${GRID_X}u + group.x) * 64u + thread;
  if (i >= ${N * P * Q * C}u) {
    return;
  }
  let column = i / ${C}u;
  let row = column / ${Q}u;
  let n = row / ${P}u;
  let top = i32((row - n * ${P}u) * ${SH}u) - ${PH}i;
  let left = i32((column - row * ${Q}u) * ${SW}u) - ${PW}i;
  let start = ((i32(n * ${H}u) + top) * ${W}i + left) * ${C}i + i32(i - column * ${C}u);
  var sum = 0.0;
#if KH * KW <= 16
#for R in 0..KH
#for S in 0..KW
  sum += tap(start, top, left, ${R}u, ${S}u);
#endfor
#endfor
#else
  for (var kh = 0u; kh < ${KH}u; kh++) {
    for (var kw = 0u; kw < ${KW}u; kw++) {
      sum += tap(start, top, left, kh, kw);
    }
  }
#endif
  store_y(i, sum / divisor(top, left));
}
