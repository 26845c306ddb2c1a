// shared.wgsl: 2-D convolution of NHWC images, an implicit matrix product with tiles in shared memory.
//
//   y[n, p, q, o] = sum_{kh, kw, c} x[n, p SH - PH + kh DH, q SW - PW + kw DW, c] * w[o, kh, kw, c],  x zero outside
//
//   x  [N, H, W, G C]    X_TYPE  read
//   w  [G O, KH, KW, C]  W_TYPE  read
//   moments  [ceil(N P Q / (WY TM)), G O, 4]  f32  write  with MOMENTS alone
//   y  [N, P, Q, G O]    f32  through store_y
//
// Dispatch: WX x WY threads, each TM pixels by TN outputs; grid (ceil(O / (WX TN)), ROWS, G FOLDS),
//           ROWS FOLDS being at least ceil(N P Q / (WY TM)).
// Params:   N H W C O P Q G  sizes; C and O are channels per group.
//           KH KW SH SW PH PW DH DW  kernel, stride, padding, dilation.
//           VEC4             C is a multiple of 4.
//           TM TN WX WY      tile of a thread, threads of a workgroup.
//           BK               depth of a shared tile. Both WY TM BK and WX TN BK are multiples of 4 WX WY, WX WY of BK / 4,
//                            and BK of 4.
//           ROWS             rows of workgroups along y, before they are folded into z.
//           X_TYPE W_TYPE    f32 or f16, as stored; computed in f32.
//           MOMENTS          also of each output, as it is before the epilogue, and each tile's pixels: their number, mean and sum of squared
//                            distances from it; TN is a multiple of 4.
//           EPILOGUE_DECLS   binding of y after these, and fn store_y(i: u32, value: f32).
// Shared memory is 4 BK (WY TM + WX TN + 2) bytes. The odd row length spreads the banks.
// The taps and channels are one axis of KH KW C elements, so that few channels leave no lane idle. Tiles are filled with
// zeros beyond it, beyond the last pixel and output, and in the padding. The sum runs over the axis in order.

#if VEC4
@group(0) @binding(0) var<storage, read> x: array<vec4<${X_TYPE}>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<${W_TYPE}>>;
#else
@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}>;
@group(0) @binding(1) var<storage, read> w: array<${W_TYPE}>;
#endif
#if MOMENTS
@group(0) @binding(2) var<storage, read_write> moments: array<vec4<f32>>;
#endif
${EPILOGUE_DECLS}

// Tiles as [k][pixel] and [k][output].
var<workgroup> tile_a: array<f32, ${BK * (WY * TM + 1)}>;
var<workgroup> tile_b: array<f32, ${BK * (WX * TN + 1)}>;

#if MOMENTS
// Quads by component, so many in the first tile as it has room for.
const quads_a = ${BK * (WY * TM + 1) / (4 * WX * WY) * WX * WY}u;
const quads_b = ${BK * (WX * TN + 1) / (4 * WX * WY) * WX * WY}u;

fn hand(i: u32, value: vec4<f32>) {
  if (i < quads_a) {
#for E in 0..4
    tile_a[i + ${E}u * quads_a] = value[${E}];
#endfor
  } else {
#for E in 0..4
    tile_b[i - quads_a + ${E}u * quads_b] = value[${E}];
#endfor
  }
}

fn handed(i: u32) -> vec4<f32> {
  if (i < quads_a) {
    return vec4<f32>(tile_a[i], tile_a[i + quads_a], tile_a[i + 2u * quads_a], tile_a[i + 3u * quads_a]);
  }
  let j = i - quads_a;
  return vec4<f32>(tile_b[j], tile_b[j + quads_b], tile_b[j + 2u * quads_b], tile_b[j + 3u * quads_b]);
}
#endif

@compute @workgroup_size(${WX}, ${WY})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let g = group.z % ${G}u;
  let first = (group.z / ${G}u * ${ROWS}u + group.y) * ${WY * TM}u;
  let o_first = group.x * ${WX * TN}u;
  // A thread fills tiles four k at a time, always the same k of a tile.
  let slot = thread % ${BK / 4}u * 4u;
  let line = thread / ${BK / 4}u;
#for L in 0..TM * BK / (4 * WX)
  // The window's top left corner, and the index of the image's first row.
  let pixel${L} = first + line + ${L * 4 * WX * WY / BK}u;
  let is_pixel${L} = pixel${L} < ${N * P * Q}u;
  let top${L} = i32(pixel${L} / ${Q}u % ${P}u * ${SH}u) - ${PH}i;
  let left${L} = i32(pixel${L} % ${Q}u * ${SW}u) - ${PW}i;
  let rows${L} = i32(pixel${L} / ${P * Q}u * ${H}u);
#endfor
#for L in 0..TN * BK / (4 * WY)
  let o${L} = o_first + line + ${L * 4 * WX * WY / BK}u;
  let w${L} = (g * ${O}u + min(o${L}, ${O - 1}u)) * ${KH * KW * C}u;
#endfor
#for I in 0..TM
#for J in 0..TN
  var s${I}_${J} = 0.0;
#endfor
#endfor

  for (var block = 0u; block < ${(KH * KW * C + BK - 1) / BK}u; block++) {
    let k = block * ${BK}u + slot;
#if VEC4
    let is_deep = k < ${KH * KW * C}u;
    let dh = i32(k / ${KW * C}u * ${DH}u);
    let dv = i32(k / ${C}u % ${KW}u * ${DW}u);
    let channel = i32(g * ${C}u + k % ${C}u);
#for L in 0..TM * BK / (4 * WX)
    let h${L} = top${L} + dh;
    let v${L} = left${L} + dv;
    let is_in${L} = is_pixel${L} & is_deep & (u32(h${L}) < ${H}u) & (u32(v${L}) < ${W}u);
    let at${L} = u32(select(0i, ((rows${L} + h${L}) * ${W}i + v${L}) * ${G * C}i + channel, is_in${L}));
    let a${L} = select(vec4<f32>(), vec4<f32>(x[at${L} / 4u]), is_in${L});
#for E in 0..4
    tile_a[(slot + ${E}u) * ${WY * TM + 1}u + line + ${L * 4 * WX * WY / BK}u] = a${L}[${E}];
#endfor
#endfor
#for L in 0..TN * BK / (4 * WY)
    let is_weight${L} = is_deep & (o${L} < ${O}u);
    let b${L} = select(vec4<f32>(), vec4<f32>(w[select(0u, w${L} + k, is_weight${L}) / 4u]), is_weight${L});
#for E in 0..4
    tile_b[(slot + ${E}u) * ${WX * TN + 1}u + line + ${L * 4 * WX * WY / BK}u] = b${L}[${E}];
#endfor
#endfor
#else
#for E in 0..4
    {
      let is_deep = k + ${E}u < ${KH * KW * C}u;
      let dh = i32((k + ${E}u) / ${KW * C}u * ${DH}u);
      let dv = i32((k + ${E}u) / ${C}u % ${KW}u * ${DW}u);
      let channel = i32(g * ${C}u + (k + ${E}u) % ${C}u);
#for L in 0..TM * BK / (4 * WX)
      let h${L} = top${L} + dh;
      let v${L} = left${L} + dv;
      let is_in${L} = is_pixel${L} & is_deep & (u32(h${L}) < ${H}u) & (u32(v${L}) < ${W}u);
      let at${L} = u32(select(0i, ((rows${L} + h${L}) * ${W}i + v${L}) * ${G * C}i + channel, is_in${L}));
      tile_a[(slot + ${E}u) * ${WY * TM + 1}u + line + ${L * 4 * WX * WY / BK}u] = select(0.0, f32(x[at${L}]), is_in${L});
#endfor
#for L in 0..TN * BK / (4 * WY)
      let is_weight${L} = is_deep & (o${L} < ${O}u);
      let b${L} = select(0.0, f32(w[select(0u, w${L} + k + ${E}u, is_weight${L})]), is_weight${L});
      tile_b[(slot + ${E}u) * ${WX * TN + 1}u + line + ${L * 4 * WX * WY / BK}u] = b${L};
#endfor
    }
#endfor
#endif
#include "conv/tile_product.wgsl"
  }

#for J in 0..TN
  let out${J} = o_first + local.x + ${J * WX}u;
#endfor
#for I in 0..TM
  let row${I} = first + local.y + ${I * WY}u;
#endfor
#if MOMENTS
#for I in 0..TM
#for J in 0..TN / 4
  let c${I}_${J} = vec4<f32>(s${I}_${J * 4}, s${I}_${J * 4 + 1}, s${I}_${J * 4 + 2}, s${I}_${J * 4 + 3});
#endfor
#endfor
  let row_start = first;
  let row_end = ${N * P * Q}u;
  let column_end = ${O}u;
  let moments_at = (group.z / ${G}u * ${ROWS}u + group.y) * ${G * O}u + g * ${O}u;
#include "lib/column_moments.wgsl"
#endif
#for I in 0..TM
  if (row${I} < ${N * P * Q}u) {
    let start = row${I} * ${G * O}u + g * ${O}u;
#for J in 0..TN
#if O % (WX * TN) != 0
    if (out${J} < ${O}u) {
      store_y(start + out${J}, s${I}_${J});
    }
#else
    store_y(start + out${J}, s${I}_${J});
#endif
#endfor
  }
#endfor
}
