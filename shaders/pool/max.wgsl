// max.wgsl: largest element of each window of NHWC images, or where it is.
//
//   y[n, p, q, c] = max_{kh, kw} x[n, p SH - PH + kh DH, q SW - PW + kw DW, c],  padding left out
//
//   x  [N, H, W, C]  X_TYPE  read
//   y  [N, P, Q, C]  f32  through store_y
//
// Dispatch: one thread per element of y, 64 per workgroup; grid (GRID_X, ceil(N P Q C / (64 GRID_X)), 1).
// Params:   N H W C P Q      sizes of x [N, H, W, C] and y [N, P, Q, C].
//           KH KW SH SW PH PW DH DW  window, stride, padding, dilation.
//           IS_PLACE         y is the place kh KW + kw of the first largest element instead.
//           GRID_X           workgroups along x.
//           X_TYPE           f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 1 on, and fn store_y(i: u32, value: f32).
// Every window must hold at least one element of x. Elements of padding are read from index 0 and not taken.

@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}>;
${EPILOGUE_DECLS}

const NOWHERE = 0xffffffffu;

struct Best {
  value: f32,
  place: u32,
}

// Whether a later element replaces the best so far. NaN wins, so that it is not hidden.
fn beats(value: f32, best: f32) -> bool {
  return (value > best) | ((bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u);
}

// The better of `best` and tap (kh, kw). The window starts at (top, left), which is element `start` of x.
fn visit(best: Best, start: i32, top: i32, left: i32, kh: u32, kw: u32) -> Best {
  let i = start + i32((kh * ${W * DH}u + kw * ${DW}u) * ${C}u);
#if PH + PW > 0
  let is_in = (u32(top + i32(kh * ${DH}u)) < ${H}u) & (u32(left + i32(kw * ${DW}u)) < ${W}u);
  let value = f32(x[select(0i, i, is_in)]);
  let is_better = is_in & ((best.place == NOWHERE) | beats(value, best.value));
#else
  let value = f32(x[i]);
  let is_better = (best.place == NOWHERE) | beats(value, best.value);
#endif
  return Best(select(best.value, value, is_better), select(best.place, kh * ${KW}u + kw, is_better));
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
  var best = Best(0.0, NOWHERE);
#if KH * KW <= 16
#for R in 0..KH
#for S in 0..KW
  best = visit(best, start, top, left, ${R}u, ${S}u);
#endfor
#endfor
#else
  for (var kh = 0u; kh < ${KH}u; kh++) {
    for (var kw = 0u; kw < ${KW}u; kw++) {
      best = visit(best, start, top, left, kh, kw);
    }
  }
#endif
#if IS_PLACE
  store_y(i, f32(best.place));
#else
  store_y(i, best.value);
#endif
}
