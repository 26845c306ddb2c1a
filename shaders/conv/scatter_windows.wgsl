// scatter_windows.wgsl: what the windows of a 2-D convolution give back to the pixels of its NHWC images, in gather form (col2im).
//
//   y[n, h, v, c] = sum_{kh, kw} m[(n, p, q), kh, kw, c]
//   over the taps for which p SH = h + PH - kh DH and q SW = v + PW - kw DW have a solution within the windows
//
//   m  [N P Q, KH, KW, C]   f32  read
//   y  [N, H, W, C]         f32  through store_y
//
// Dispatch: one thread for each pixel and channel; grid (x, y, 1) of at least N H W C threads, x THREADS being ROW.
// Params:   N H W C P Q      sizes.
//           KH KW SH SW PH PW DH DW  kernel, stride, padding, dilation.
//           THREADS ROW      threads of a workgroup, threads of a row of workgroups.
//           EPILOGUE_DECLS   binding of y from 1 on, and fn store_y(i: u32, value: f32).
// Pixels that no window covers get 0.

@group(0) @binding(0) var<storage, read> m: array<f32>;
${EPILOGUE_DECLS}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  let pixel = i / ${C}u;
  if (pixel >= ${N * H * W}u) {
    return;
  }
  let n = pixel / ${H * W}u;
  let h = i32(pixel / ${W}u % ${H}u) + ${PH}i;
  let v = i32(pixel % ${W}u) + ${PW}i;
  var sum = 0.0;
  for (var kh = 0u; kh < ${KH}u; kh++) {
    let down = h - i32(kh * ${DH}u);
    if ((down < 0i) | (down % ${SH}i != 0i) | (down >= ${P * SH}i)) {
      continue;
    }
    for (var kw = 0u; kw < ${KW}u; kw++) {
      let right = v - i32(kw * ${DW}u);
      if ((right < 0i) | (right % ${SW}i != 0i) | (right >= ${Q * SW}i)) {
        continue;
      }
      let window = (n * ${P}u + u32(down / ${SH}i)) * ${Q}u + u32(right / ${SW}i);
      sum += m[((window * ${KH}u + kh) * ${KW}u + kw) * ${C}u + i % ${C}u];
    }
  }
  store_y(i, sum);
}
