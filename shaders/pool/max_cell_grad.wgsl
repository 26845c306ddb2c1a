// max_cell_grad.wgsl: gradient of the largest element of each window, for windows that do not overlap.
//
//   dx[n, h, v, c] = dy[n, p, q, c] where (h, v) is the first largest element of window (p, q), 0 elsewhere
//
//   x   [N, H, W, C]  X_TYPE  read
//   dy  [N, P, Q, C]  DY_TYPE  read
//   dx  [N, H, W, C]  f32  through store_y
//
// Dispatch: one thread per channel of a cell, 64 per workgroup; grid (GRID_X, ceil(N CP CQ C / (64 GRID_X)), 1).
// Params:   N H W C P Q      sizes of x [N, H, W, C] and y [N, P, Q, C].
//           CP CQ            cells along height and width, (H + PH) / SH and (W + PW) / SW rounded up.
//           KH KW SH SW PH PW DH DW  window, stride, padding, dilation; a window is no larger than its stride.
//           HAS_EDGES        some cell reaches beyond the image or has no window.
//           GRID_X           workgroups along x.
//           X_TYPE DY_TYPE   f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 2 on, and fn store_y(i: u32, value: f32).
// A cell is the SH x SW pixels from the corner of a window on: cells tile the padded image, so that each pixel is
// stored once. First means in the order of the rows; NaN counts as largest.

@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}>;
@group(0) @binding(1) var<storage, read> dy: array<${DY_TYPE}>;
${EPILOGUE_DECLS}

const NOWHERE = 0xffffffffu;

fn beats(value: f32, best: f32) -> bool {
  return (value > best) | ((bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let i = (group.y * ${GRID_X}u + group.x) * 64u + thread;
  if (i >= ${N * CP * CQ * C}u) {
    return;
  }
  let column = i / ${C}u;
  let row = column / ${CQ}u;
  let n = row / ${CP}u;
  let p = row - n * ${CP}u;
  let q = column - row * ${CQ}u;
  let c = i - column * ${C}u;
  let top = i32(p * ${SH}u) - ${PH}i;
  let left = i32(q * ${SW}u) - ${PW}i;
  let start = ((i32(n * ${H}u) + top) * ${W}i + left) * ${C}i + i32(c);

  var best = 0.0;
  var place = NOWHERE;
#for R in 0..KH
#for S in 0..KW
  {
    let at = start + ${(R * DH * W + S * DW) * C}i;
#if HAS_EDGES
    let is_in = (u32(top + ${R * DH}i) < ${H}u) & (u32(left + ${S * DW}i) < ${W}u);
    let value = f32(x[select(0i, at, is_in)]);
    let is_better = is_in & ((place == NOWHERE) | beats(value, best));
#else
    let value = f32(x[at]);
    let is_better = (place == NOWHERE) | beats(value, best);
#endif
    best = select(best, value, is_better);
    place = select(place, ${R * DH * SW + S * DW}u, is_better);
  }
#endfor
#endfor

  let at = ((n * ${P}u + p) * ${Q}u + q) * ${C}u + c;
#if HAS_EDGES
  let is_window = (p < ${P}u) & (q < ${Q}u);
  let given = select(0.0, f32(dy[select(0u, at, is_window)]), is_window);
#else
  let given = f32(dy[at]);
#endif
#for R in 0..SH
#for S in 0..SW
#if HAS_EDGES
  if ((u32(top + ${R}i) < ${H}u) & (u32(left + ${S}i) < ${W}u)) {
    store_y(u32(start + ${(R * W + S) * C}i), select(0.0, given, place == ${R * SW + S}u));
  }
#else
  store_y(u32(start + ${(R * W + S) * C}i), select(0.0, given, place == ${R * SW + S}u));
#endif
#endfor
#endfor
}
