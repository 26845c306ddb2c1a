// quad_strip_weight_grad.wgsl: gradient of a 2-D convolution at stride 1 by its weights, in parts over the rows; four neighbouring threads
// swap gradients of outputs.
//
//   dw[s, o, kh, kw, c] = sum_{(n, p) in part s} sum_q dy[n, p, q, o] * x[n, p - PH + kh DH, q - PW + kw, c]
//
//   x   [N, H, W, G C]          X_TYPE  read
//   dy  [N, P, Q, G O]          DY_TYPE  read
//   dw  [S, G O, KH, KW, C]     f32  through store_y
//   sums  [S, G O]  f32  write  those of dy over the pixels of a part, with SUMS alone
//
// Dispatch: WX threads, a multiple of 4, each TM outputs by TN columns of [KH, C] with all their KW taps;
//           grid (ceil(KH C / (WX TN)), ceil(O / TM), G S).
// Params:   N H W C O P Q G  sizes; C and O are channels per group. Q is a multiple of U.
//           KH KW PH PW DH   kernel, padding, dilation of the rows.
//           S                parts of about N P / S rows; the sum of dw over s, taken in order, is the gradient.
//           TM TN WX U       outputs of a thread, a multiple of 4, and columns; threads of a workgroup; pixels at a time.
//           X_TYPE DY_TYPE   f32 or f16, as stored; computed in f32.
//           SUMS             also sums dy.
//           EPILOGUE_DECLS   binding of y from 2 on, from 3 with SUMS, and fn store_y(i: u32, value: f32).
// A thread moves along a row of y with the KW elements of x under the taps in registers, so that each pixel takes one load of x for a
// column. All threads of a workgroup have the same outputs, so that any four of them may be a quad, each of which loads one element of dy
// of four. Within a part the sum runs over rows and columns of y in order. Elements of padding are read from index 0 and not taken.

enable subgroups;

#include "lib/quad.wgsl"

@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}, ${N * H * W * G * C}>;
@group(0) @binding(1) var<storage, read> dy: array<${DY_TYPE}, ${N * P * Q * G * O}>;
#if SUMS
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
#endif
${EPILOGUE_DECLS}

@compute @workgroup_size(${WX})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(subgroup_invocation_id) invocation: u32,
) {
  let lane = invocation % 4u;
  let g = group.z % ${G}u;
  let part = group.z / ${G}u;
  let o_start = group.y * ${TM}u;
#for I in 0..TM / 4
  let y${I} = g * ${O}u + min(o_start + ${I * 4}u + lane, ${O - 1}u);
#endfor
#include "conv/tap_rows.wgsl"

  // The sum I of a thread is of output I of the tile with its last two bits swapped as the quad's threads are.
#for I in 0..TM
#for J in 0..TN
#for K in 0..KW
  var c${I}_${J}_${K} = 0.0;
#endfor
#endfor
#endfor
#if SUMS
#for I in 0..TM / 4
  var s${I} = 0.0;
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
    for (var block = 0u; block < ${Q / U}u; block++) {
      let q = block * ${U}u;
#for V in 0..U
      let y_at${V} = (row * ${Q}u + q + ${V}u) * ${G * O}u;
#for I in 0..TM / 4
      let a${V}_${I} = quad_of(f32(dy[y_at${V} + y${I}]));
#if SUMS
      s${I} += a${V}_${I}.x;
#endif
#endfor
      let v${V} = i32(q) + ${KW - 1 + V}i;
      let is_column${V} = u32(v${V} - ${PW}i) < ${W}u;
#endfor
#for J in 0..TN
#for V in 0..U
      let is_in${J}_${V} = is_row${J} & is_column${V};
      let i${J}_${V} = x_row + at${J} + v${V} * ${G * C}i;
      let b${J}_${KW - 1 + V} = select(0.0, f32(x[select(0i, i${J}_${V}, is_in${J}_${V})]), is_in${J}_${V});
#endfor
#for I in 0..TM
#for K in 0..KW
#for V in 0..U
      c${I}_${J}_${K} = fma(a${V}_${I / 4}[${I % 4}], b${J}_${K + V}, c${I}_${J}_${K});
#endfor
#endfor
#endfor
#for K in 0..KW - 1
      b${J}_${K} = b${J}_${K + U};
#endfor
#endfor
    }
  }

#for I in 0..TM
  let o${I} = o_start + ${I / 4 * 4}u + (lane ^ ${I % 4}u);
#endfor
#if SUMS
  // One thread learns the sums of all outputs and writes them.
#for I in 0..TM / 4
  let sums${I} = quad_of(s${I});
#endfor
  if ((group.x == 0u) & (local.x == 0u)) {
#for I in 0..TM
    if (o${I} < ${O}u) {
      sums[(part * ${G}u + g) * ${O}u + o${I}] = sums${I / 4}[${I % 4}];
    }
#endfor
  }
#endif
#for I in 0..TM
#if O % TM != 0
  if (o${I} < ${O}u) {
#else
  {
#endif
    let out = ((part * ${G}u + g) * ${O}u + o${I}) * ${KH * KW * C}u;
#for J in 0..TN
#if KH * C % (WX * TN) != 0
    if (column + ${J * WX}u < ${KH * C}u) {
#else
    {
#endif
#for K in 0..KW
      store_y(out + (t${J} / ${C}u * ${KW}u + ${K}u) * ${C}u + t${J} % ${C}u, c${I}_${J}_${K});
#endfor
    }
#endfor
  }
#endfor
}
