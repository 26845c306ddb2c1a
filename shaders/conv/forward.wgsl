// forward.wgsl: 2-D convolution of NHWC images, an implicit matrix product from registers.
//
//   y[n, p, q, o] = sum_{kh, kw, c} x[n, p SH - PH + kh DH, q SW - PW + kw DW, c] * w[o, kh, kw, c],  x zero outside
//
//   x  [N, H, W, G C]    X_TYPE  read
//   w  [G O, KH, KW, C]  W_TYPE  read
//   y  [N, P, Q, G O]    f32  through store_y
//
// Dispatch: WX x WY threads, each TM pixels by TN outputs; grid (ceil(O / (WX TN)), ROWS, G FOLDS),
//           ROWS FOLDS being at least ceil(N P Q / (WY TM)).
// Params:   N H W C O P Q G  sizes; C and O are channels per group.
//           KH KW SH SW PH PW DH DW  kernel, stride, padding, dilation.
//           VEC4             C is a multiple of 4.
//           TM TN WX WY      tile of a thread, threads of a workgroup.
//           ROWS FOLDS       rows of workgroups along y, and how often they are folded into z.
//           X_TYPE W_TYPE    f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 2 on, and fn store_y(i: u32, value: f32).
// Bounds are joined with `&`: the branches of `&&` cost some drivers seconds of compile time. A negative coordinate is
// beyond every size as u32.
// Edges: pixels and outputs beyond the last are computed from clamped indices and not stored.

#if VEC4
@group(0) @binding(0) var<storage, read> x: array<vec4<${X_TYPE}>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<${W_TYPE}>>;
#else
@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}>;
@group(0) @binding(1) var<storage, read> w: array<${W_TYPE}>;
#endif
${EPILOGUE_DECLS}

@compute @workgroup_size(${WX}, ${WY})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let g = group.z % ${G}u;
  let pixel = ((group.z / ${G}u * ${ROWS}u + group.y) * ${WY}u + local.y) * ${TM}u;
  let o_start = group.x * ${WX * TN}u + local.x;
#for J in 0..TN
  let o${J} = o_start + ${J * WX}u;
  let w${J} = (g * ${O}u + min(o${J}, ${O - 1}u)) * ${KH * KW * C}u;
#endfor
  // Top left corner of each pixel's window, and the index of its image's first row. Only the first pixel is divided
  // into coordinates, the others are counted on from it; those beyond the last image fall into the last one.
  let q0 = pixel % ${Q}u;
  let p0 = pixel / ${Q}u % ${P}u;
  let n0 = pixel / ${P * Q}u;
#for I in 1..TM
  let is_row_end${I} = q${I - 1} == ${Q - 1}u;
  let is_image_end${I} = is_row_end${I} & (p${I - 1} == ${P - 1}u);
  let q${I} = select(q${I - 1} + 1u, 0u, is_row_end${I});
  let p${I} = select(p${I - 1} + u32(is_row_end${I}), 0u, is_image_end${I});
  let n${I} = n${I - 1} + u32(is_image_end${I});
#endfor
#for I in 0..TM
  let top${I} = i32(p${I} * ${SH}u) - ${PH}i;
  let left${I} = i32(q${I} * ${SW}u) - ${PW}i;
  let rows${I} = i32(min(n${I}, ${N - 1}u) * ${H}u);
#endfor
#for I in 0..TM
#for J in 0..TN
  var c${I}_${J} = 0.0;
#endfor
#endfor

  for (var kh = 0u; kh < ${KH}u; kh++) {
#for I in 0..TM
    let h${I} = top${I} + i32(kh * ${DH}u);
#endfor
    for (var kw = 0u; kw < ${KW}u; kw++) {
#for I in 0..TM
      let column${I} = left${I} + i32(kw * ${DW}u);
      let at${I} = ((rows${I} + h${I}) * ${W}i + column${I}) * ${G * C}i + i32(g * ${C}u);
#if PH + PW > 0
      let is_in${I} = (u32(h${I}) < ${H}u) & (u32(column${I}) < ${W}u);
      let x${I} = u32(select(0i, at${I}, is_in${I}));
#else
      let x${I} = u32(at${I});
#endif
#endfor
      let tap = (kh * ${KW}u + kw) * ${C}u;
#if VEC4
      for (var block = 0u; block < ${C / 4}u; block++) {
#for I in 0..TM
#if PH + PW > 0
        let a${I} = select(vec4<f32>(), vec4<f32>(x[x${I} / 4u + block]), is_in${I});
#else
        let a${I} = vec4<f32>(x[x${I} / 4u + block]);
#endif
#endfor
#for J in 0..TN
        let b${J} = vec4<f32>(w[(w${J} + tap) / 4u + block]);
#endfor
#for E in 0..4
#for I in 0..TM
#for J in 0..TN
        c${I}_${J} += a${I}[${E}] * b${J}[${E}];
#endfor
#endfor
#endfor
      }
#else
#if C == 1
      {
        let c = 0u;
#else
      for (var c = 0u; c < ${C}u; c++) {
#endif
#for I in 0..TM
#if PH + PW > 0
        let a${I} = select(0.0, f32(x[x${I} + c]), is_in${I});
#else
        let a${I} = f32(x[x${I} + c]);
#endif
#endfor
#for J in 0..TN
        let b${J} = f32(w[w${J} + tap + c]);
#endfor
#for I in 0..TM
#for J in 0..TN
        c${I}_${J} += a${I} * b${J};
#endfor
#endfor
      }
#endif
    }
  }

#for I in 0..TM
#if N * P * Q % (WY * TM) != 0 || FOLDS > 1
  if (pixel + ${I}u >= ${N * P * Q}u) {
    return;
  }
#endif
#for J in 0..TN
#if O % (WX * TN) != 0
  if (o${J} < ${O}u) {
    store_y((pixel + ${I}u) * ${G * O}u + g * ${O}u + o${J}, c${I}_${J});
  }
#else
  store_y((pixel + ${I}u) * ${G * O}u + g * ${O}u + o${J}, c${I}_${J});
#endif
#endfor
#endfor
}
