// input_grad.wgsl: gradient of a 2-D convolution with respect to its NHWC input, in gather form.
//
//   dx[n, h, v, c] = sum_{kh, kw, o} dy[n, p, q, o] * w[o, kh, kw, c]
//   over the taps for which p SH = h + PH - kh DH and q SW = v + PW - kw DW have a solution within y
//
//   dy  [N, P, Q, G O]    DY_TYPE  read
//   w   [G O, KH, KW, C]  W_TYPE  read
//   dx  [N, H, W, G C]    f32  through store_y
//
// Dispatch: WX x WY threads, each TM pixels by TN channels;
//           grid (ceil(C / (WX TN)), ROWS, G SH SW FOLDS), ROWS FOLDS being at least
//           ceil(N ceil(H / SH) ceil(W / SW) / (WY TM)).
// Params:   N H W C O P Q G  sizes; C and O are channels per group.
//           KH KW SH SW PH PW DH DW  kernel, stride, padding, dilation.
//           VEC4_DY          O is a multiple of 4.
//           VEC4_W           C and TN are multiples of 4.
//           TM TN WX WY      tile of a thread, threads of a workgroup.
//           ROWS             rows of workgroups along y, before they are folded into z.
//           DY_TYPE W_TYPE   f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 2 on, and fn store_y(i: u32, value: f32).
// The pixels of a workgroup agree in h modulo SH and v modulo SW, so that a tap reaches all of them or none: no work
// is spent on the others. Pixels that no window covers get 0.

#if VEC4_DY
@group(0) @binding(0) var<storage, read> dy: array<vec4<${DY_TYPE}>>;
#else
@group(0) @binding(0) var<storage, read> dy: array<${DY_TYPE}>;
#endif
#if VEC4_W
@group(0) @binding(1) var<storage, read> w: array<vec4<${W_TYPE}>>;
#else
@group(0) @binding(1) var<storage, read> w: array<${W_TYPE}>;
#endif
${EPILOGUE_DECLS}

@compute @workgroup_size(${WX}, ${WY})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let g = group.z / ${SH * SW}u % ${G}u;
  let phase_h = group.z / ${SW}u % ${SH}u;
  let phase_w = group.z % ${SW}u;
  let pixel = ((group.z / ${G * SH * SW}u * ${ROWS}u + group.y) * ${WY}u + local.y) * ${TM}u;
#if VEC4_W
  let c_start = (group.x * ${WX}u + local.x) * ${TN}u;
#for J in 0..TN
  let c${J} = c_start + ${J}u;
#endfor
#for J in 0..TN / 4
  let w${J} = min(c${J * 4}, ${C - 4}u);
#endfor
#else
  let c_start = group.x * ${WX * TN}u + local.x;
#for J in 0..TN
  let c${J} = c_start + ${J * WX}u;
  let w${J} = min(c${J}, ${C - 1}u);
#endfor
#endif
  // Only the first pixel is divided into coordinates of the phase's grid, the others are counted on from it.
  let column0 = pixel % ${(W + SW - 1) / SW}u;
  let row0 = pixel / ${(W + SW - 1) / SW}u % ${(H + SH - 1) / SH}u;
  let n0 = pixel / ${((H + SH - 1) / SH) * ((W + SW - 1) / SW)}u;
#for I in 1..TM
  let is_row_end${I} = column${I - 1} == ${(W + SW - 1) / SW - 1}u;
  let is_image_end${I} = is_row_end${I} & (row${I - 1} == ${(H + SH - 1) / SH - 1}u);
  let column${I} = select(column${I - 1} + 1u, 0u, is_row_end${I});
  let row${I} = select(row${I - 1} + u32(is_row_end${I}), 0u, is_image_end${I});
  let n${I} = n${I - 1} + u32(is_image_end${I});
#endfor
#for I in 0..TM
  let h${I} = row${I} * ${SH}u + phase_h;
  let v${I} = column${I} * ${SW}u + phase_w;
#endfor
#for I in 0..TM
#for J in 0..TN
  var s${I}_${J} = 0.0;
#endfor
#endfor

  for (var kh = 0u; kh < ${KH}u; kh++) {
#if SH > 1
    if ((phase_h + ${PH + KH * DH * SH}u - kh * ${DH}u) % ${SH}u != 0u) {
      continue;
    }
#endif
#for I in 0..TM
    #if SH == 1
    let p${I} = i32(h${I} + ${PH}u) - i32(kh * ${DH}u);
#else
    let p${I} = (i32(h${I} + ${PH}u) - i32(kh * ${DH}u)) / ${SH}i;
#endif
    let is_row${I} = (n${I} < ${N}u) & (h${I} + ${PH}u >= kh * ${DH}u) & (p${I} < ${P}i);
#endfor
    for (var kw = 0u; kw < ${KW}u; kw++) {
#if SW > 1
      if ((phase_w + ${PW + KW * DW * SW}u - kw * ${DW}u) % ${SW}u != 0u) {
        continue;
      }
#endif
#for I in 0..TM
#if SW == 1
      let q${I} = i32(v${I} + ${PW}u) - i32(kw * ${DW}u);
#else
      let q${I} = (i32(v${I} + ${PW}u) - i32(kw * ${DW}u)) / ${SW}i;
#endif
      let is_in${I} = is_row${I} & (v${I} + ${PW}u >= kw * ${DW}u) & (q${I} < ${Q}i);
      let at${I} = ((i32(n${I}) * ${P}i + p${I}) * ${Q}i + q${I}) * ${G * O}i + i32(g * ${O}u);
      let y${I} = u32(select(0i, at${I}, is_in${I}));
#endfor
      let tap = g * ${O * KH * KW * C}u + (kh * ${KW}u + kw) * ${C}u;
#if VEC4_DY
      for (var block = 0u; block < ${O / 4}u; block++) {
#for I in 0..TM
        let a_q${I} = select(vec4<f32>(), vec4<f32>(dy[y${I} / 4u + block]), is_in${I});
#for U in 0..4
        let a${U}_${I} = a_q${I}[${U}];
#endfor
#endfor
#for U in 0..4
        let w_row${U} = tap + (block * 4u + ${U}u) * ${KH * KW * C}u;
#endfor
#else
      for (var o = 0u; o < ${O}u; o++) {
#for I in 0..TM
        let a0_${I} = select(0.0, f32(dy[y${I} + o]), is_in${I});
#endfor
        let w_row0 = tap + o * ${KH * KW * C}u;
#endif
#if VEC4_DY
#for U in 0..4
#if VEC4_W
#for J in 0..TN / 4
        let b${U}_q${J} = vec4<f32>(w[(w_row${U} + w${J}) / 4u]);
#for E in 0..4
        let b${U}_${J * 4 + E} = b${U}_q${J}[${E}];
#endfor
#endfor
#else
#for J in 0..TN
        let b${U}_${J} = f32(w[w_row${U} + w${J}]);
#endfor
#endif
#for I in 0..TM
#for J in 0..TN
        s${I}_${J} += a${U}_${I} * b${U}_${J};
#endfor
#endfor
#endfor
#else
#if VEC4_W
#for J in 0..TN / 4
        let b0_q${J} = vec4<f32>(w[(w_row0 + w${J}) / 4u]);
#for E in 0..4
        let b0_${J * 4 + E} = b0_q${J}[${E}];
#endfor
#endfor
#else
#for J in 0..TN
        let b0_${J} = f32(w[w_row0 + w${J}]);
#endfor
#endif
#for I in 0..TM
#for J in 0..TN
        s${I}_${J} += a0_${I} * b0_${J};
#endfor
#endfor
#endif
      }
    }
  }

#for I in 0..TM
  if ((n${I} < ${N}u) & (h${I} < ${H}u) & (v${I} < ${W}u)) {
    let at${I} = ((n${I} * ${H}u + h${I}) * ${W}u + v${I}) * ${G * C}u + g * ${C}u;
#for J in 0..TN
#if C % (WX * TN) != 0
    if (c${J} < ${C}u) {
      store_y(at${I} + c${J}, s${I}_${J});
    }
#else
    store_y(at${I} + c${J}, s${I}_${J});
#endif
#endfor
  }
#endfor
}
