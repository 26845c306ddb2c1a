// gather_windows.wgsl: the windows of a 2-D convolution of NHWC images side by side, as rows of a matrix (im2col).
//
//   y[(n, p, q), kh, kw, c] = x[n, p SH - PH + kh DH, q SW - PW + kw DW, c],  x zero outside
//
//   x  [N, H, W, C]             X_TYPE  read
//   y  [N P Q, KH, KW, C]       f32  through store_y
//
// Dispatch: one thread for each window, tap and four channels (one unless VEC4); grid (x, y, 1) of at least N P Q KH KW C / 4
//           threads (C without VEC4), x THREADS being ROW.
// Params:   N H W C P Q      sizes.
//           KH KW SH SW PH PW DH DW  kernel, stride, padding, dilation.
//           VEC4             C is a multiple of 4.
//           THREADS ROW      threads of a workgroup, threads of a row of workgroups.
//           X_TYPE           f32 or f16, as stored; written as f32.
//           EPILOGUE_DECLS   binding of y from 1 on, and fn store_y(i: u32, value: f32).

#if VEC4
@group(0) @binding(0) var<storage, read> x: array<vec4<${X_TYPE}>>;
#else
@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}>;
#endif
${EPILOGUE_DECLS}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
#if VEC4
  let i = (id.y * ${ROW}u + id.x) * 4u;
#else
  let i = id.y * ${ROW}u + id.x;
#endif
  let window = i / ${KH * KW * C}u;
  if (window >= ${N * P * Q}u) {
    return;
  }
  let tap = i / ${C}u % ${KH * KW}u;
  let n = window / ${P * Q}u;
  let h = i32(window / ${Q}u % ${P}u * ${SH}u + tap / ${KW}u * ${DH}u) - ${PH}i;
  let v = i32(window % ${Q}u * ${SW}u + tap % ${KW}u * ${DW}u) - ${PW}i;
  let is_in = (u32(h) < ${H}u) & (u32(v) < ${W}u);
  let at = u32(select(0i, ((i32(n * ${H}u) + h) * ${W}i + v) * ${C}i + i32(i % ${C}u), is_in));
#if VEC4
  let value = select(vec4<f32>(), vec4<f32>(x[at / 4u]), is_in);
#for E in 0..4
  store_y(i + ${E}u, value[${E}]);
#endfor
#else
  store_y(i, select(0.0, f32(x[at]), is_in));
#endif
}
