// strip_weight_grad.wgsl: gradient of a 2-D convolution at stride 1 by its weights, in parts over the rows.
//
//   dw[s, o, kh, kw, c] = sum_{(n, p) in part s} sum_q dy[n, p, q, o] * x[n, p - PH + kh DH, q - PW + kw, c]
//
//   x   [N, H, W, G C]          X_TYPE  read
//   dy  [N, P, Q, G O]          DY_TYPE  read
//   dw  [S, G O, KH, KW, C]     f32  through store_y
//   sums  [S, G O]  f32  write  those of dy over the pixels of a part, with SUMS alone
//
// Dispatch: WX x WY threads, each TM outputs by TN columns of [KH, C] with all their KW taps;
//           grid (ceil(KH C / (WX TN)), ceil(O / (WY TM)), G S).
// Params:   N H W C O P Q G  sizes; C and O are channels per group.
//           KH KW PH PW DH   kernel, padding, dilation of the rows.
//           S                parts of about N P / S rows; the sum of dw over s, taken in order, is the gradient.
//           TM TN WX WY      tile of a thread, threads of a workgroup.
//           X_TYPE DY_TYPE   f32 or f16, as stored; computed in f32.
//           SUMS             also sums dy.
//           EPILOGUE_DECLS   binding of y from 2 on, from 3 with SUMS, and fn store_y(i: u32, value: f32).
// A thread moves along a row of y with the KW elements of x under the taps in registers, so that each step loads one
// of them. Within a part the sum runs over rows and columns of y in order. Elements of padding are read from index 0
// and not taken.

@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}>;
@group(0) @binding(1) var<storage, read> dy: array<${DY_TYPE}>;
#if SUMS
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
#endif
${EPILOGUE_DECLS}

@compute @workgroup_size(${WX}, ${WY})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let g = group.z % ${G}u;
  let part = group.z / ${G}u;
  let o_start = (group.y * ${WY}u + local.y) * ${TM}u;
#for I in 0..TM
  let o${I} = g * ${O}u + min(o_start + ${I}u, ${O - 1}u);
#endfor
#include "conv/tap_rows.wgsl"
#for I in 0..TM
#for J in 0..TN
#for K in 0..KW
  var c${I}_${J}_${K} = 0.0;
#endfor
#endfor
#endfor
#if SUMS
#for I in 0..TM
  var sum${I} = 0.0;
#endfor
#endif

  for (var step = 0u; step < ${(N * P + S - 1) / S}u; step++) {
    let row = part * ${(N * P + S - 1) / S}u + step;
#if N * P % S != 0
    if (row >= ${N * P}u) {
      break;
    }
#endif
#include "conv/first_taps.wgsl"
    for (var q = 0u; q < ${Q}u; q++) {
      let v = i32(q) + ${KW - 1}i;
      let y_at = (row * ${Q}u + q) * ${G * O}u;
      let is_column = u32(v - ${PW}i) < ${W}u;
#for I in 0..TM
      let a${I} = f32(dy[y_at + o${I}]);
#if SUMS
      sum${I} += a${I};
#endif
#endfor
#for J in 0..TN
      let is_in${J} = is_row${J} & is_column;
      let i${J} = x_row + at${J} + v * ${G * C}i;
      let b${J}_${KW - 1} = select(0.0, f32(x[select(0i, i${J}, is_in${J})]), is_in${J});
#for K in 0..KW
#for I in 0..TM
      c${I}_${J}_${K} += a${I} * b${J}_${K};
#endfor
#endfor
#for K in 0..KW - 1
      b${J}_${K} = b${J}_${K + 1};
#endfor
#endfor
    }
  }

#include "conv/store_sums.wgsl"
#for I in 0..TM
#if O % (WY * TM) != 0
  if (o_start + ${I}u >= ${O}u) {
    return;
  }
#endif
  let out${I} = ((part * ${G}u + g) * ${O}u + o_start + ${I}u) * ${KH * KW * C}u;
#for J in 0..TN
#if KH * C % (WX * TN) != 0
  if (column + ${J * WX}u < ${KH * C}u) {
#for K in 0..KW
    store_y(out${I} + (t${J} / ${C}u * ${KW}u + ${K}u) * ${C}u + t${J} % ${C}u, c${I}_${J}_${K});
#endfor
  }
#else
#for K in 0..KW
  store_y(out${I} + (t${J} / ${C}u * ${KW}u + ${K}u) * ${C}u + t${J} % ${C}u, c${I}_${J}_${K});
#endfor
#endif
#endfor
#endfor
}
