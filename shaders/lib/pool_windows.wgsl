// pool_windows.wgsl: sum of what pooling windows give to one element of their input.
//
//   given_by_all(i) = sum of given(image, down, right, p, q) over the windows (p, q) that may hold element i
//
// Params:   H W C P Q        sizes of x [N, H, W, C] and y [N, P, Q, C].
//           SH SW PH PW      stride, padding.
//           REACH_H REACH_W  windows along each axis that may hold one pixel.
// The includer declares fn given(image: u32, down: u32, right: u32, p: u32, q: u32) -> f32, which is also asked for
// windows that do not exist. There is no barrier: any thread may call.

fn given_by_all(i: u32) -> f32 {
  let column = i / ${C}u;
  let row = column / ${W}u;
  let n = row / ${H}u;
  let down = row - n * ${H}u + ${PH}u;
  let right = column - row * ${W}u + ${PW}u;
  let image = n * ${P * Q * C}u + i - column * ${C}u;
  // The last windows that start at or before the pixel; the REACH_H x REACH_W windows up to them may hold it.
  let last_p = down / ${SH}u;
  let last_q = right / ${SW}u;
  var sum = 0.0;
#if REACH_H * REACH_W <= 16
#for R in 0..REACH_H
#for S in 0..REACH_W
  sum += given(image, down, right, last_p - ${R}u, last_q - ${S}u);
#endfor
#endfor
#else
  for (var above = 0u; above < ${REACH_H}u; above++) {
    for (var before = 0u; before < ${REACH_W}u; before++) {
      sum += given(image, down, right, last_p - above, last_q - before);
    }
  }
#endif
  return sum;
}
