// max.wgsl: largest element of each window of NHWC images.
//
//   y[n, p, q, c] = max_{kh, kw} x[n, p SH - PH + kh DH, q SW - PW + kw DW, c],  padding left out
//
//   x  [N, H, W, C]  f32  read
//   y  [N, P, Q, C]  f32  through store_y
//
// Dispatch: one thread per element of y, 64 per workgroup; grid (GRID_X, ceil(N P Q C / (64 GRID_X)), 1).
// Params:   N H W C P Q      sizes of x [N, H, W, C] and y [N, P, Q, C].
//           KH KW SH SW PH PW DH DW  window, stride, padding, dilation.
//           GRID_X           workgroups along x.
//           EPILOGUE_DECLS   binding of y from 1 on, and fn store_y(i: u32, value: f32).
// Every window must hold at least one element of x.

@group(0) @binding(0) var<storage, read> x: array<f32>;
${EPILOGUE_DECLS}

// Whether a later element replaces the best so far. NaN wins, so that it is not hidden.
fn beats(value: f32, best: f32) -> bool {
  return (value > best) | ((bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u);
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
  var best = 0.0;
  var is_empty = true;
  for (var kh = 0u; kh < ${KH}u; kh++) {
    let h = i32(p * ${SH}u + kh * ${DH}u) - ${PH}i;
    for (var kw = 0u; kw < ${KW}u; kw++) {
      let v = i32(q * ${SW}u + kw * ${DW}u) - ${PW}i;
      if ((u32(h) < ${H}u) & (u32(v) < ${W}u)) {
        let value = x[((n * ${H}u + u32(h)) * ${W}u + u32(v)) * ${C}u + c];
        if (is_empty || beats(value, best)) {
          best = value;
          is_empty = false;
        }
      }
    }
  }
  store_y(i, best);
}
