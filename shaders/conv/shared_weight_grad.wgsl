// shared_weight_grad.wgsl: gradient of a 2-D convolution by its weights, in parts over the pixels, with tiles in shared
// memory.
//
//   dw[s, o, kh, kw, c] = sum_{(n, p, q) in part s} dy[n, p, q, o] * x[n, p SH - PH + kh DH, q SW - PW + kw DW, c]
//
//   x   [N, H, W, G C]          X_TYPE  read
//   dy  [N, P, Q, G O]          DY_TYPE  read
//   dw  [parts, G O, KH, KW, C] f32  through store_y
//   sums  [parts, G O]  f32  write  those of dy over the pixels of a part, with SUMS alone
//
// Dispatch: WX x WY threads, each TM outputs by TN columns of [KH, KW, C];
//           grid (ceil(KH KW C / (WX TN)), ceil(O / (WY TM)), G parts).
// Params:   N H W C O P Q G  sizes; C and O are channels per group.
//           KH KW SH SW PH PW DH DW  kernel, stride, padding, dilation.
//           BLOCKS           shared tiles of a part, at least ceil(N P Q / (BK parts)), so that a part is BLOCKS BK pixels.
//                            The sum of dw over the parts, taken in order, is the gradient.
//           VEC4_X VEC4_DY   C is a multiple of 4; O is.
//           TM TN WX WY      tile of a thread, threads of a workgroup.
//           BK               depth of a shared tile, in pixels. Both WY TM BK and WX TN BK are multiples of 4 WX WY, WX WY
//                            of WY TM / 4 and of WX TN / 4, and WY TM and WX TN of 4.
//           X_TYPE DY_TYPE   f32 or f16, as stored; computed in f32.
//           SUMS             also sums dy; TM is at most WX.
//           EPILOGUE_DECLS   binding of y from 2 on, from 3 with SUMS, and fn store_y(i: u32, value: f32).
// Shared memory is 4 BK (WY TM + WX TN + 2) bytes. The odd row length spreads the banks.
// Within a part the sum runs over the pixels of y in order. Tiles are filled with zeros beyond the last pixel, output and
// column, and in the padding.

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
#include "conv/dy_quad.wgsl"

// Tiles as [pixel][output] and [pixel][column].
var<workgroup> tile_a: array<f32, ${BK * (WY * TM + 1)}>;
var<workgroup> tile_b: array<f32, ${BK * (WX * TN + 1)}>;

@compute @workgroup_size(${WX}, ${WY})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let g = group.z % ${G}u;
  let part = group.z / ${G}u;
  let o_first = group.y * ${WY * TM}u;
  let column_first = group.x * ${WX * TN}u;
  // A thread fills tiles four elements at a time: always the same outputs, and always the same columns.
  let a_line = thread % ${WY * TM / 4}u * 4u;
  let a_slot = thread / ${WY * TM / 4}u;
  let b_line = thread % ${WX * TN / 4}u * 4u;
  let b_slot = thread / ${WX * TN / 4}u;
  let is_output = o_first + a_line < ${O}u;
  let output = g * ${O}u + select(0u, o_first + a_line, is_output);
#if VEC4_X
  let is_column0 = column_first + b_line < ${KH * KW * C}u;
  let dh0 = i32((column_first + b_line) / ${KW * C}u * ${DH}u) - ${PH}i;
  let dv0 = i32((column_first + b_line) / ${C}u % ${KW}u * ${DW}u) - ${PW}i;
  let channel0 = i32(g * ${C}u + (column_first + b_line) % ${C}u);
#else
#for E in 0..4
  let is_column${E} = column_first + b_line + ${E}u < ${KH * KW * C}u;
  let dh${E} = i32((column_first + b_line + ${E}u) / ${KW * C}u * ${DH}u) - ${PH}i;
  let dv${E} = i32((column_first + b_line + ${E}u) / ${C}u % ${KW}u * ${DW}u) - ${PW}i;
  let channel${E} = i32(g * ${C}u + (column_first + b_line + ${E}u) % ${C}u);
#endfor
#endif
#for I in 0..TM
#for J in 0..TN
  var s${I}_${J} = 0.0;
#endfor
#endfor
#if SUMS
  var total = vec4<f32>();
#endif

  for (var block = 0u; block < ${BLOCKS}u; block++) {
    let start = (part * ${BLOCKS}u + block) * ${BK}u;
#for L in 0..TM * BK / (4 * WX)
    {
      let d = a_slot + ${L * 4 * WX / TM}u;
      let is_in = is_output & (start + d < ${N * P * Q}u);
      let quad = dy_quad((start + d) * ${G * O}u + output, select(0u, ${O}u - o_first - a_line, is_in));
#for E in 0..4
      tile_a[d * ${WY * TM + 1}u + a_line + ${E}u] = quad[${E}];
#endfor
#if SUMS
      total += quad;
#endif
    }
#endfor
#for L in 0..TN * BK / (4 * WY)
    {
      let d = b_slot + ${L * 4 * WY / TN}u;
      let pixel = start + d;
      let is_pixel = pixel < ${N * P * Q}u;
      let top = i32(pixel / ${Q}u % ${P}u * ${SH}u);
      let left = i32(pixel % ${Q}u * ${SW}u);
      let rows = i32(pixel / ${P * Q}u * ${H}u);
#if VEC4_X
      let h = top + dh0;
      let v = left + dv0;
      let is_in = is_pixel & is_column0 & (u32(h) < ${H}u) & (u32(v) < ${W}u);
      let i = u32(select(0i, ((rows + h) * ${W}i + v) * ${G * C}i + channel0, is_in));
      let quad = select(vec4<f32>(), vec4<f32>(x[i / 4u]), is_in);
#for E in 0..4
      tile_b[d * ${WX * TN + 1}u + b_line + ${E}u] = quad[${E}];
#endfor
#else
#for E in 0..4
      let h${E} = top + dh${E};
      let v${E} = left + dv${E};
      let is_in${E} = is_pixel & is_column${E} & (u32(h${E}) < ${H}u) & (u32(v${E}) < ${W}u);
      let i${E} = u32(select(0i, ((rows + h${E}) * ${W}i + v${E}) * ${G * C}i + channel${E}, is_in${E}));
      tile_b[d * ${WX * TN + 1}u + b_line + ${E}u] = select(0.0, f32(x[i${E}]), is_in${E});
#endfor
#endif
    }
#endfor
#include "conv/tile_product.wgsl"
  }

#if SUMS
  // What the threads that share outputs have seen is added up in the order of the threads.
#for E in 0..4
  tile_a[a_slot * ${WY * TM + 1}u + a_line + ${E}u] = total[${E}];
#endfor
  workgroupBarrier();
  if ((group.x == 0u) & (thread < ${WY * TM}u) & (o_first + thread < ${O}u)) {
    var sum = 0.0;
    for (var slot = 0u; slot < ${4 * WX / TM}u; slot++) {
      sum += tile_a[slot * ${WY * TM + 1}u + thread];
    }
    sums[(part * ${G}u + g) * ${O}u + o_first + thread] = sum;
  }
#endif
#for J in 0..TN
  let column${J} = column_first + local.x + ${J * WX}u;
#endfor
#for I in 0..TM
  let o${I} = o_first + local.y + ${I * WY}u;
  if (o${I} < ${O}u) {
    let row = ((part * ${G}u + g) * ${O}u + o${I}) * ${KH * KW * C}u;
#for J in 0..TN
    if (column${J} < ${KH * KW * C}u) {
      store_y(row + column${J}, s${I}_${J});
    }
#endfor
  }
#endfor
}
