// quad_strip.wgsl: 2-D convolution of NHWC images at stride 1, a strip of a row from registers; four neighbouring threads swap weights.
//
//   y[n, p, q, o] = sum_{kh, kw, c} x[n, p - PH + kh DH, q - PW + kw, c] * w[o, kh, kw, c],  x zero outside
//
//   x  [N, H, W, G C]    X_TYPE  read
//   w  [G O, KH, KW, C]  W_TYPE  read
//   y  [N, P, Q, G O]    f32  through store_y
//
// Dispatch: WX threads, a multiple of 4, each TM pixels by TN outputs; grid (ceil(O / TN), ceil(N P Q / (WX TM)), G).
// Params:   N H W C O P Q G  sizes; C and O are channels per group. Q is a multiple of TM.
//           KH KW PH PW DH   kernel, padding, dilation of the rows.
//           IS_GRAD          w is [G C, KH, KW, O] and its taps are taken in reverse: the gradient of the input.
//           TM TN WX         pixels and outputs of a thread, a multiple of 4; threads of a workgroup.
//           X_TYPE W_TYPE    f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 2 on, and fn store_y(i: u32, value: f32).
// The TM pixels of a thread are neighbours in a row, so that TM + KW - 1 loads serve all KW taps of it. All threads of a workgroup have the
// same outputs, so that any four of them may be a quad, each of which loads one weight of four.
// Edges: pixels and outputs beyond the last are computed from clamped indices and not stored.

enable subgroups;

#include "lib/quad.wgsl"

@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}, ${N * H * W * G * C}>;
@group(0) @binding(1) var<storage, read> w: array<${W_TYPE}, ${G * O * KH * KW * C}>;
${EPILOGUE_DECLS}

@compute @workgroup_size(${WX})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(subgroup_invocation_id) invocation: u32,
) {
  let lane = invocation % 4u;
  let g = group.z;
  let strip = group.y * ${WX}u + local.x;
  let o_start = group.x * ${TN}u;
#for J in 0..TN / 4
#if IS_GRAD
  let w${J} = g * ${C * KH * KW * O}u + min(o_start + ${J * 4}u + lane, ${O - 1}u);
#else
  let w${J} = (g * ${O}u + min(o_start + ${J * 4}u + lane, ${O - 1}u)) * ${KH * KW * C}u;
#endif
#endfor
#include "conv/strip_place.wgsl"

  // The sum J of a thread is of output J of the tile with its last two bits swapped as the quad's threads are.
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
#for J in 0..TN / 4
#for K in 0..KW
#if IS_GRAD
      let b${K}_${J} = quad_of(f32(w[w${J} + (c * ${KH * KW}u + ${KH * KW - 1 - K}u - kh * ${KW}u) * ${O}u]));
#else
      let b${K}_${J} = quad_of(f32(w[w${J} + (kh * ${KW}u + ${K}u) * ${C}u + c]));
#endif
#endfor
#for I in 0..TM
#for L in 0..4
#for K in 0..KW
      c${I}_${J * 4 + L} = fma(a${I + K}, b${K}_${J}[${L}], c${I}_${J * 4 + L});
#endfor
#endfor
#endfor
#endfor
    }
  }

#if N * P * Q % (WX * TM) != 0
  if (n >= ${N}u) {
    return;
  }
#endif
  let out = strip * ${TM * G * O}u + g * ${O}u + o_start;
#for J in 0..TN
  let o${J} = ${J / 4 * 4}u + (lane ^ ${J % 4}u);
#if O % TN != 0
  if (o_start + o${J} < ${O}u) {
#else
  {
#endif
#for I in 0..TM
    store_y(out + ${I * G * O}u + o${J}, c${I}_${J});
#endfor
  }
#endfor
}
