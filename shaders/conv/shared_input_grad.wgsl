// shared_input_grad.wgsl: gradient of a 2-D convolution by its NHWC input, with tiles in shared memory.
//
//   dx[n, h, v, c] = sum_{kh, kw, o} dy[n, p, q, o] * w[o, kh, kw, c]
//   over the taps for which p SH = h + PH - kh DH and q SW = v + PW - kw DW have a solution within y
//
//   dy  [N, P, Q, G O]    DY_TYPE  read
//   w   [G O, KH, KW, C]  W_TYPE  read
//   dx  [N, H, W, G C]    f32  through store_y
//
// Dispatch: WX x WY threads, each TM pixels by TN channels; grid (ceil(C / (WX TN)), ROWS, G SH SW FOLDS),
//           ROWS FOLDS being at least ceil(N ceil(H / SH) ceil(W / SW) / (WY TM)).
// Params:   N H W C O P Q G  sizes; C and O are channels per group.
//           KH KW SH SW PH PW DH DW  kernel, stride, padding, dilation.
//           VEC4_DY VEC4_W   O is a multiple of 4; C is.
//           TM TN WX WY      tile of a thread, threads of a workgroup.
//           BK               depth of a shared tile. Both WY TM BK and WX TN BK are multiples of 4 WX WY, WX WY of BK / 4
//                            and of WX TN / 4, and BK and WX TN of 4.
//           ROWS             rows of workgroups along y, before they are folded into z.
//           DY_TYPE W_TYPE   f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 2 on, and fn store_y(i: u32, value: f32).
// Shared memory is 4 BK (WY TM + WX TN + 2) bytes. The odd row length spreads the banks.
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
#include "conv/dy_quad.wgsl"

// Tiles as [output][pixel] and [output][channel].
var<workgroup> tile_a: array<f32, ${BK * (WY * TM + 1)}>;
var<workgroup> tile_b: array<f32, ${BK * (WX * TN + 1)}>;

@compute @workgroup_size(${WX}, ${WY})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let g = group.z / ${SH * SW}u % ${G}u;
  let phase_h = group.z / ${SW}u % ${SH}u;
  let phase_w = group.z % ${SW}u;
  let first = (group.z / ${G * SH * SW}u * ${ROWS}u + group.y) * ${WY * TM}u;
  let c_first = group.x * ${WX * TN}u;
  // A thread fills tiles four elements at a time: outputs of a pixel, and channels of an output.
  let slot = thread % ${BK / 4}u * 4u;
  let line = thread / ${BK / 4}u;
#for L in 0..TM * BK / (4 * WX)
  // Where the pixel lies in the padded image, and the index of its image's first row of y.
  let pixel${L} = first + line + ${L * 4 * WX * WY / BK}u;
  let is_pixel${L} = pixel${L} < ${N * ((H + SH - 1) / SH) * ((W + SW - 1) / SW)}u;
  let h${L} = i32(pixel${L} / ${(W + SW - 1) / SW}u % ${(H + SH - 1) / SH}u * ${SH}u + phase_h) + ${PH}i;
  let v${L} = i32(pixel${L} % ${(W + SW - 1) / SW}u * ${SW}u + phase_w) + ${PW}i;
  let rows${L} = i32(pixel${L} / ${((H + SH - 1) / SH) * ((W + SW - 1) / SW)}u * ${P}u);
#endfor
  let channel = c_first + thread % ${WX * TN / 4}u * 4u;
  let b_slot = thread / ${WX * TN / 4}u;
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
    for (var kw = 0u; kw < ${KW}u; kw++) {
#if SW > 1
      if ((phase_w + ${PW + KW * DW * SW}u - kw * ${DW}u) % ${SW}u != 0u) {
        continue;
      }
#endif
#for L in 0..TM * BK / (4 * WX)
      let dh${L} = h${L} - i32(kh * ${DH}u);
      let dv${L} = v${L} - i32(kw * ${DW}u);
      let is_row${L} = (dh${L} >= 0i) & (dh${L} < ${P * SH}i);
      let is_in${L} = is_pixel${L} & is_row${L} & (dv${L} >= 0i) & (dv${L} < ${Q * SW}i);
      let at${L} = ((rows${L} + dh${L} / ${SH}i) * ${Q}i + dv${L} / ${SW}i) * ${G * O}i + i32(g * ${O}u);
      let y${L} = u32(select(0i, at${L}, is_in${L}));
#endfor
      let tap = g * ${O * KH * KW * C}u + (kh * ${KW}u + kw) * ${C}u;
      for (var block = 0u; block < ${(O + BK - 1) / BK}u; block++) {
        let o = block * ${BK}u + slot;
#for L in 0..TM * BK / (4 * WX)
        {
          let quad = dy_quad(y${L} + o, select(0u, ${O}u - o, is_in${L} & (o < ${O}u)));
#for E in 0..4
          tile_a[(slot + ${E}u) * ${WY * TM + 1}u + line + ${L * 4 * WX * WY / BK}u] = quad[${E}];
#endfor
        }
#endfor
#for L in 0..TN * BK / (4 * WY)
        {
          let d = b_slot + ${L * 4 * WY / TN}u;
          let is_weight = (block * ${BK}u + d < ${O}u) & (channel < ${C}u);
          let row = tap + (block * ${BK}u + d) * ${KH * KW * C}u;
          let i = select(0u, row + channel, is_weight);
#if VEC4_W
          let quad = select(vec4<f32>(), vec4<f32>(w[i / 4u]), is_weight);
#else
          let last = select(0u, row + ${C - 1}u, is_weight);
          let all = vec4<f32>(f32(w[i]), f32(w[min(i + 1u, last)]), f32(w[min(i + 2u, last)]), f32(w[min(i + 3u, last)]));
          let is_channel = vec4<u32>(0u, 1u, 2u, 3u) + channel < vec4<u32>(${C}u);
          let quad = select(vec4<f32>(), all, vec4<bool>(is_weight) & is_channel);
#endif
#for E in 0..4
          tile_b[d * ${WX * TN + 1}u + channel - c_first + ${E}u] = quad[${E}];
#endfor
        }
#endfor
#include "conv/tile_product.wgsl"
      }
    }
  }

#for J in 0..TN
  let c${J} = c_first + local.x + ${J * WX}u;
#endfor
#for I in 0..TM
  {
    let pixel = first + local.y + ${I * WY}u;
    let n = pixel / ${((H + SH - 1) / SH) * ((W + SW - 1) / SW)}u;
    let h = pixel / ${(W + SW - 1) / SW}u % ${(H + SH - 1) / SH}u * ${SH}u + phase_h;
    let v = pixel % ${(W + SW - 1) / SW}u * ${SW}u + phase_w;
    if ((n < ${N}u) & (h < ${H}u) & (v < ${W}u)) {
      let start = ((n * ${H}u + h) * ${W}u + v) * ${G * C}u + g * ${C}u;
#for J in 0..TN
#if C % (WX * TN) != 0
      if (c${J} < ${C}u) {
        store_y(start + c${J}, s${I}_${J});
      }
#else
      store_y(start + c${J}, s${I}_${J});
#endif
#endfor
    }
  }
#endfor
}
