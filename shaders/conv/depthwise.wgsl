// depthwise.wgsl: 2-D convolution of NHWC images with one kernel per channel, a strip of a row from registers.
//
//   y[n, p, q, g] = sum_{kh, kw} x[n, p SH - PH + kh DH, q SW - PW + kw DW, g] * w[g, kh, kw],  x zero outside
//
//   x  [N, H, W, G]  X_TYPE  read
//   w  [G, KH, KW]   W_TYPE  read
//   y  [N, P, Q, G]  f32  through store_y
//
// Dispatch: THREADS threads, each TM neighbours in a row by 4 channels (1 unless VEC4); grid (x, y, 1) of at least
//           N P ceil(Q / TM) G / 4 threads (G without VEC4), x THREADS being ROW.
// Params:   N H W P Q G      sizes.
//           KH KW SH SW PH PW DH DW  kernel, stride, padding, dilation.
//           IS_GRAD          taps are taken in reverse: at stride 1 the gradient of the input.
//           VEC4             G is a multiple of 4.
//           TM THREADS ROW   pixels of a thread, threads of a workgroup, threads of a row of workgroups.
//           X_TYPE W_TYPE    f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 2 on, and fn store_y(i: u32, value: f32).
// Neighbouring threads take neighbouring channels. Pixels beyond the last are computed and not stored.

#if VEC4
@group(0) @binding(0) var<storage, read> x: array<vec4<${X_TYPE}>>;
alias Value = vec4<f32>;
#else
@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}>;
alias Value = f32;
#endif
@group(0) @binding(1) var<storage, read> w: array<${W_TYPE}>;
${EPILOGUE_DECLS}

fn weights(c: u32, tap: u32) -> Value {
  let i = c * ${KH * KW}u + tap;
#if VEC4
  return Value(f32(w[i]), f32(w[i + ${KH * KW}u]), f32(w[i + ${2 * KH * KW}u]), f32(w[i + ${3 * KH * KW}u]));
#else
  return f32(w[i]);
#endif
}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let thread = id.y * ${ROW}u + id.x;
#if VEC4
  let c = thread % ${G / 4}u * 4u;
  let strip = thread / ${G / 4}u;
#else
  let c = thread % ${G}u;
  let strip = thread / ${G}u;
#endif
  let row = strip / ${(Q + TM - 1) / TM}u;
  if (row >= ${N * P}u) {
    return;
  }
  let q = (strip - row * ${(Q + TM - 1) / TM}u) * ${TM}u;
  let n = row / ${P}u;
  let top = i32((row - n * ${P}u) * ${SH}u) - ${PH}i;
  let left = i32(q * ${SW}u) - ${PW}i;
#for I in 0..TM
  var s${I} = Value();
#endfor
  for (var kh = 0u; kh < ${KH}u; kh++) {
    let h = top + i32(kh * ${DH}u);
    let is_row = u32(h) < ${H}u;
    let start = ((i32(n * ${H}u) + h) * ${W}i + left) * ${G}i + i32(c);
#for T in 0..(TM - 1) * SW + (KW - 1) * DW + 1
    let is_in${T} = is_row & (u32(left + ${T}i) < ${W}u);
    let at${T} = u32(select(0i, start + ${T * G}i, is_in${T}));
#if VEC4
    let a${T} = select(Value(), Value(x[at${T} / 4u]), is_in${T});
#else
    let a${T} = select(0.0, f32(x[at${T}]), is_in${T});
#endif
#endfor
#for K in 0..KW
#if IS_GRAD
    let b${K} = weights(c, ${KH * KW - 1 - K}u - kh * ${KW}u);
#else
    let b${K} = weights(c, kh * ${KW}u + ${K}u);
#endif
#for I in 0..TM
    s${I} += a${I * SW + K * DW} * b${K};
#endfor
#endfor
  }
#for I in 0..TM
#if Q % TM != 0
  if (q + ${I}u >= ${Q}u) {
    return;
  }
#endif
#if VEC4
#for E in 0..4
  store_y((row * ${Q}u + q + ${I}u) * ${G}u + c + ${E}u, s${I}[${E}]);
#endfor
#else
  store_y((row * ${Q}u + q + ${I}u) * ${G}u + c, s${I});
#endif
#endfor
}
