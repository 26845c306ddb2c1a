// weight_grad.wgsl: gradient of a 2-D convolution with respect to its weights, in parts over the image rows.
//
//   dw[s, o, kh, kw, c] = sum_{(n, p) in part s} sum_q dy[n, p, q, o] * x[n, p SH - PH + kh DH, q SW - PW + kw DW, c]
//
//   x   [N, H, W, G C]          X_TYPE  read
//   dy  [N, P, Q, G O]          DY_TYPE  read
//   dw  [S, G O, KH, KW, C]     f32  through store_y
//   sums  [S, G O]  f32  write  those of dy over the pixels of a part, with SUMS alone
//
// Dispatch: WX x WY threads, each TM outputs by TN columns of [KH, KW, C];
//           grid (ceil(KH KW C / (WX TN)), ceil(O / (WY TM)), G S).
// Params:   N H W C O P Q G  sizes; C and O are channels per group.
//           KH KW SH SW PH PW DH DW  kernel, stride, padding, dilation.
//           S                parts of about N P / S rows; the sum of dw over s, taken in order, is the gradient.
//           VEC4_X           C and TN are multiples of 4.
//           VEC4_DY          O and TM are multiples of 4.
//           TM TN WX WY      tile of a thread, threads of a workgroup.
//           X_TYPE DY_TYPE   f32 or f16, as stored; computed in f32.
//           SUMS             also sums dy.
//           EPILOGUE_DECLS   binding of y from 2 on, from 3 with SUMS, and fn store_y(i: u32, value: f32).
// Within a part the sum runs over rows and columns of y in order.

#if VEC4_X
@group(0) @binding(0) var<storage, read> x: array<vec4<${X_TYPE}>>;
#else
@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}>;
#endif
#if VEC4_DY
@group(0) @binding(1) var<storage, read> dy: array<vec4<${DY_TYPE}>>;
#else
@group(0) @binding(1) var<storage, read> dy: array<${DY_TYPE}>;
#endif
#if SUMS
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
#endif
${EPILOGUE_DECLS}

@compute @workgroup_size(${WX}, ${WY})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let g = group.z % ${G}u;
  let part = group.z / ${G}u;
  let o_start = (group.y * ${WY}u + local.y) * ${TM}u;
#if VEC4_DY
#for I in 0..TM / 4
  let o${I} = g * ${O}u + min(o_start + ${I * 4}u, ${O - 4}u);
#endfor
#else
#for I in 0..TM
  let o${I} = g * ${O}u + min(o_start + ${I}u, ${O - 1}u);
#endfor
#endif
  // A column is a tap and a channel; with vec4 loads four neighbours share a tap.
#if VEC4_X
  let column = (group.x * ${WX}u + local.x) * ${TN}u;
#for J in 0..TN / 4
  let t${J} = min(column + ${J * 4}u, ${KH * KW * C - 4}u);
#endfor
#else
  let column = group.x * ${WX * TN}u + local.x;
#for J in 0..TN
  let t${J} = min(column + ${J * WX}u, ${KH * KW * C - 1}u);
#endfor
#endif
#for J in 0..TN
#if !VEC4_X || J < TN / 4
  let dh${J} = i32(t${J} / ${KW * C}u * ${DH}u) - ${PH}i;
  let dv${J} = i32(t${J} / ${C}u % ${KW}u * ${DW}u) - ${PW}i;
  let at${J} = (dh${J} * ${W}i + dv${J}) * ${G * C}i + i32(g * ${C}u + t${J} % ${C}u);
#endif
#endfor
#for I in 0..TM
#for J in 0..TN
  var c${I}_${J} = 0.0;
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
    let h = i32(row % ${P}u * ${SH}u);
    let x_row = (i32(row / ${P}u * ${H}u) + h) * ${W * G * C}i;
#if PH + PW > 0
#for J in 0..TN
#if !VEC4_X || J < TN / 4
    let is_row${J} = u32(h + dh${J}) < ${H}u;
#endif
#endfor
#endif
    for (var q = 0u; q < ${Q}u; q++) {
      let v = i32(q * ${SW}u);
      let y_at = (row * ${Q}u + q) * ${G * O}u;
#if VEC4_DY
#for I in 0..TM / 4
      let a_q${I} = vec4<f32>(dy[(y_at + o${I}) / 4u]);
#for E in 0..4
      let a${I * 4 + E} = a_q${I}[${E}];
#endfor
#endfor
#else
#for I in 0..TM
      let a${I} = f32(dy[y_at + o${I}]);
#endfor
#endif
#if SUMS
#for I in 0..TM
      sum${I} += a${I};
#endfor
#endif
#for J in 0..TN
#if !VEC4_X || J < TN / 4
      let i${J} = x_row + v * ${G * C}i + at${J};
#if PH + PW > 0
      let is_in${J} = is_row${J} & (u32(v + dv${J}) < ${W}u);
      let x${J} = u32(select(0i, i${J}, is_in${J}));
#else
      let x${J} = u32(i${J});
#endif
#if VEC4_X && PH + PW > 0
      let b_q${J} = select(vec4<f32>(), vec4<f32>(x[x${J} / 4u]), is_in${J});
#elif VEC4_X
      let b_q${J} = vec4<f32>(x[x${J} / 4u]);
#elif PH + PW > 0
      let b${J} = select(0.0, f32(x[x${J}]), is_in${J});
#else
      let b${J} = f32(x[x${J}]);
#endif
#endif
#endfor
#if VEC4_X
#for J in 0..TN
      let b${J} = b_q${J / 4}[${J % 4}];
#endfor
#endif
#for I in 0..TM
#for J in 0..TN
      c${I}_${J} += a${I} * b${J};
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
#if VEC4_X
  let k${I}_${J} = column + ${J}u;
#else
  let k${I}_${J} = column + ${J * WX}u;
#endif
#if KH * KW * C % (WX * TN) != 0
  if (k${I}_${J} < ${KH * KW * C}u) {
    store_y(out${I} + k${I}_${J}, c${I}_${J});
  }
#else
  store_y(out${I} + k${I}_${J}, c${I}_${J});
#endif
#endfor
#endfor
}
