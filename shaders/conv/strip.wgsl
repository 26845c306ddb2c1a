// strip.wgsl: 2-D convolution of NHWC images at stride 1, a strip of a row from registers.
//
//   y[n, p, q, o] = sum_{kh, kw, c} x[n, p - PH + kh DH, q - PW + kw, c] * w[o, kh, kw, c],  x zero outside
//
//   x  [N, H, W, G C]    X_TYPE  read
//   w  [G O, KH, KW, C]  W_TYPE  read
//   y  [N, P, Q, G O]    f32  through store_y
//
// Dispatch: WX x WY threads, each TM pixels by TN outputs; grid (ceil(O / (WX TN)), ceil(N P Q / (WY TM)), G).
// Params:   N H W C O P Q G  sizes; C and O are channels per group. Q is a multiple of TM.
//           KH KW PH PW DH   kernel, padding, dilation of the rows.
//           IS_GRAD          w is [G C, KH, KW, O] and its taps are taken in reverse: the gradient of the input.
//           TM TN WX WY      tile of a thread, threads of a workgroup.
//           X_TYPE W_TYPE    f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 2 on, and fn store_y(i: u32, value: f32).
// The TM pixels of a thread are neighbours in a row, so that TM + KW - 1 loads serve all KW taps of it. Loads are
// scalar: the wide tiles that pay here take software drivers too long to compile with four channels at a time.
// Edges: pixels and outputs beyond the last are computed from clamped indices and not stored.

@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}>;
@group(0) @binding(1) var<storage, read> w: array<${W_TYPE}>;
${EPILOGUE_DECLS}

@compute @workgroup_size(${WX}, ${WY})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let g = group.z;
  let strip = group.y * ${WY}u + local.y;
  let o_start = group.x * ${WX * TN}u + local.x;
#for J in 0..TN
  let o${J} = o_start + ${J * WX}u;
#if IS_GRAD
  let w${J} = g * ${C * KH * KW * O}u + min(o${J}, ${O - 1}u);
#else
  let w${J} = (g * ${O}u + min(o${J}, ${O - 1}u)) * ${KH * KW * C}u;
#endif
#endfor
#include "conv/strip_place.wgsl"
#for I in 0..TM
#for J in 0..TN
  var c${I}_${J} = 0.0;
#endfor
#endfor

  for (var kh = 0u; kh < ${KH}u; kh++) {
#include "conv/strip_row.wgsl"
#if C == 1
    {
      let c = 0u;
#else
    for (var c = 0u; c < ${C}u; c++) {
#endif
#for T in 0..TM + KW - 1
      let a${T} = select(0.0, f32(x[x${T} + c]), is_in${T});
#endfor
#for K in 0..KW
#for J in 0..TN
#if IS_GRAD
      let b${K}_${J} = f32(w[w${J} + (c * ${KH * KW}u + ${KH * KW - 1 - K}u - kh * ${KW}u) * ${O}u]);
#else
      let b${K}_${J} = f32(w[w${J} + (kh * ${KW}u + ${K}u) * ${C}u + c]);
#endif
#endfor
#for I in 0..TM
#for J in 0..TN
      c${I}_${J} += a${I + K} * b${K}_${J};
#endfor
#endfor
#endfor
    }
  }

#if N * P * Q % (WY * TM) != 0
  if (n >= ${N}u) {
    return;
  }
#endif
  let out = strip * ${TM * G * O}u + g * ${O}u;
#for J in 0..TN
#if O % (WX * TN) != 0
  if (o${J} < ${O}u) {
#for I in 0..TM
    store_y(out + ${I * G * O}u + o${J}, c${I}_${J});
#endfor
  }
#else
#for I in 0..TM
  store_y(out + ${I * G * O}u + o${J}, c${I}_${J});
#endfor
#endif
#endfor
}
