// depthwise_input_grad.wgsl: gradient of a 2-D convolution with one kernel per channel by its NHWC input, in gather form.
//
//   dx[n, h, v, g] = sum_{kh, kw} dy[n, p, q, g] * w[g, kh, kw]
//   over the taps for which p SH = h + PH - kh DH and q SW = v + PW - kw DW have a solution within y
//
//   dy  [N, P, Q, G]  DY_TYPE  read
//   w   [G, KH, KW]   W_TYPE  read
//   dx  [N, H, W, G]  f32  through store_y
//
// Dispatch: THREADS threads, each a pixel by 4 channels (1 unless VEC4); grid (x, y, 1) of at least N H W G / 4 threads (G
//           without VEC4), x THREADS being ROW.
// Params:   N H W P Q G      sizes.
//           KH KW SH SW PH PW DH DW  kernel, stride, padding, dilation.
//           VEC4             G is a multiple of 4.
//           THREADS ROW      threads of a workgroup, threads of a row of workgroups.
//           DY_TYPE W_TYPE   f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 2 on, and fn store_y(i: u32, value: f32).
// Neighbouring threads take neighbouring channels. Pixels that no window covers get 0.

#if VEC4
@group(0) @binding(0) var<storage, read> dy: array<vec4<${DY_TYPE}>>;
alias Value = vec4<f32>;
#else
@group(0) @binding(0) var<storage, read> dy: array<${DY_TYPE}>;
alias Value = f32;
#endif
@group(0) @binding(1) var<storage, read> w: array<${W_TYPE}>;
${EPILOGUE_DECLS}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let thread = id.y * ${ROW}u + id.x;
#if VEC4
  let c = thread % ${G / 4}u * 4u;
  let pixel = thread / ${G / 4}u;
#else
  let c = thread % ${G}u;
  let pixel = thread / ${G}u;
#endif
  if (pixel >= ${N * H * W}u) {
    return;
  }
  let n = pixel / ${H * W}u;
  let h = i32(pixel / ${W}u % ${H}u) + ${PH}i;
  let v = i32(pixel % ${W}u) + ${PW}i;
  var s = Value();
  for (var kh = 0u; kh < ${KH}u; kh++) {
    let dh = h - i32(kh * ${DH}u);
    if ((dh < 0i) | (dh % ${SH}i != 0i) | (dh >= ${P * SH}i)) {
      continue;
    }
    for (var kw = 0u; kw < ${KW}u; kw++) {
      let dv = v - i32(kw * ${DW}u);
      if ((dv < 0i) | (dv % ${SW}i != 0i) | (dv >= ${Q * SW}i)) {
        continue;
      }
      let at = ((n * ${P}u + u32(dh / ${SH}i)) * ${Q}u + u32(dv / ${SW}i)) * ${G}u + c;
      let i = c * ${KH * KW}u + kh * ${KW}u + kw;
#if VEC4
      s += Value(dy[at / 4u]) *
        Value(f32(w[i]), f32(w[i + ${KH * KW}u]), f32(w[i + ${2 * KH * KW}u]), f32(w[i + ${3 * KH * KW}u]));
#else
      s += f32(dy[at]) * f32(w[i]);
#endif
    }
  }
#if VEC4
#for E in 0..4
  store_y(pixel * ${G}u + c + ${E}u, s[${E}]);
#endfor
#else
  store_y(pixel * ${G}u + c, s);
#endif
}
