// max_grad.wgsl: gradient of the largest element of each window, gathered by input element.
//
//   dx[n, h, v, c] = sum of dy[n, p, q, c] over the windows whose first largest element is (h, v)
//
//   x   [N, H, W, C]  f32  read
//   dy  [N, P, Q, C]  f32  read
//   dx  [N, H, W, C]  f32  through store_y
//
// Dispatch: one thread per element of x, 64 per workgroup; grid (GRID_X, ceil(N H W C / (64 GRID_X)), 1).
// Params:   N H W C P Q      sizes of x [N, H, W, C] and y [N, P, Q, C].
//           KH KW SH SW PH PW DH DW  window, stride, padding, dilation.
//           GRID_X           workgroups along x.
//           EPILOGUE_DECLS   binding of y from 2 on, and fn store_y(i: u32, value: f32).
// First means in the order of the rows. Windows are searched again here rather than stored by the forward pass.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
${EPILOGUE_DECLS}

// Whether a later element replaces the best so far. NaN wins, so that it is not hidden.
fn beats(value: f32, best: f32) -> bool {
  return (value > best) | ((bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u);
}

// Index in x of the winner of window (p, q).
fn winner(n: u32, p: u32, q: u32, c: u32) -> u32 {
  var best = 0.0;
  var at = 0xffffffffu;
  for (var kh = 0u; kh < ${KH}u; kh++) {
    let h = i32(p * ${SH}u + kh * ${DH}u) - ${PH}i;
    for (var kw = 0u; kw < ${KW}u; kw++) {
      let v = i32(q * ${SW}u + kw * ${DW}u) - ${PW}i;
      if ((u32(h) < ${H}u) & (u32(v) < ${W}u)) {
        let i = ((n * ${H}u + u32(h)) * ${W}u + u32(v)) * ${C}u + c;
        let value = x[i];
        if (at == 0xffffffffu || beats(value, best)) {
          best = value;
          at = i;
        }
      }
    }
  }
  return at;
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
    let down = i32(h + ${PH}u) - i32(kh * ${DH}u);
    let p = down / ${SH}i;
    for (var kw = 0u; kw < ${KW}u; kw++) {
      let right = i32(v + ${PW}u) - i32(kw * ${DW}u);
      let q = right / ${SW}i;
      let is_window = (down >= 0i) & (right >= 0i) & (p * ${SH}i == down) & (q * ${SW}i == right) &
        (p < ${P}i) & (q < ${Q}i);
      if (is_window) {
        if (winner(n, u32(p), u32(q), c) == i) {
          sum += dy[((n * ${P}u + u32(p)) * ${Q}u + u32(q)) * ${C}u + c];
        }
      }
    }
  }
  store_y(i, sum);
}
