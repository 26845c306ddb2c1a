// winograd_input.wgsl: patches of NHWC images as Winograd's method multiplies them: D^T x D.
//
//   v[a, b, (n, i, j), c] = sum_{k, l} D[k, a] x[n, i TILE - PH + k, j TILE - PW + l, c] D[l, b],  x zero outside
//
//   x  [N, H, W, C]            X_TYPE  read
//   v  [E, E, N TH TW, C]      f32  through store_y
//
// Dispatch: one thread for each patch and channel, or four channels with VEC4; grid (x, y, 1) of at least N TH TW C threads, or
//           a quarter, x THREADS being ROW.
// Params:   N H W C        sizes; with VEC4 C is a multiple of 4.
//           TH TW          patches along the height and width, TILE pixels apart.
//           PH PW          padding.
//           TILE           2 or 4; E = TILE + 2.
//           IS_GRAD        x is the gradient of outputs of TILE x TILE pixels a patch, for the gradient of the weights: D [TILE, E] is
//                          A^T of winograd_output.wgsl. Otherwise D [E, E] is B.
//           THREADS ROW    threads of a workgroup, threads of a row of workgroups.
//           X_TYPE         f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS binding of y from 1 on, and fn store_y(i: u32, value: f32).

#if VEC4
@group(0) @binding(0) var<storage, read> x: array<vec4<${X_TYPE}>>;
alias Value = vec4<f32>;
#else
@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}>;
alias Value = f32;
#endif
${EPILOGUE_DECLS}

#if IS_GRAD && TILE == 2
fn spread(d: array<Value, 2>) -> array<Value, 4> {
  return array<Value, 4>(d[0], d[0] + d[1], d[0] - d[1], -d[1]);
}
#elif IS_GRAD
fn spread(d: array<Value, 4>) -> array<Value, 6> {
  let even = d[0] + d[2];
  let odd = d[1] + d[3];
  let far_even = d[0] + 4.0 * d[2];
  let far_odd = 2.0 * d[1] + 8.0 * d[3];
  return array<Value, 6>(d[0], even + odd, even - odd, far_even + far_odd, far_even - far_odd, d[3]);
}
#elif TILE == 2
fn spread(d: array<Value, 4>) -> array<Value, 4> {
  return array<Value, 4>(d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]);
}
#else
fn spread(d: array<Value, 6>) -> array<Value, 6> {
  let even = d[4] - 4.0 * d[2];
  let odd = d[3] - 4.0 * d[1];
  let far_even = d[4] - d[2];
  let far_odd = 2.0 * (d[3] - d[1]);
  return array<Value, 6>(
    4.0 * d[0] - 5.0 * d[2] + d[4],
    even + odd,
    even - odd,
    far_even + far_odd,
    far_even - far_odd,
    4.0 * d[1] - 5.0 * d[3] + d[5],
  );
}
#endif

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let thread = id.y * ${ROW}u + id.x;
#if VEC4
  let patch_index = thread / ${C / 4}u;
  let c = thread % ${C / 4}u * 4u;
#else
  let patch_index = thread / ${C}u;
  let c = thread % ${C}u;
#endif
  if (patch_index >= ${N * TH * TW}u) {
    return;
  }
  let n = patch_index / ${TH * TW}u;
  let top = i32(patch_index / ${TW}u % ${TH}u * ${TILE}u) - ${PH}i;
  let left = i32(patch_index % ${TW}u * ${TILE}u) - ${PW}i;
#for L in 0..TILE + 2
#if !IS_GRAD || L < TILE
  let is_column${L} = u32(left + ${L}i) < ${W}u;
#endif
#endfor
#for K in 0..TILE + 2
#if !IS_GRAD || K < TILE
  let h${K} = top + ${K}i;
  let is_row${K} = u32(h${K}) < ${H}u;
#for L in 0..TILE + 2
#if !IS_GRAD || L < TILE
  let is_in${K}_${L} = is_row${K} & is_column${L};
  let at${K}_${L} = u32(select(0i, ((i32(n * ${H}u) + h${K}) * ${W}i + left + ${L}i) * ${C}i + i32(c), is_in${K}_${L}));
#if VEC4
  let d${K}_${L} = select(Value(), Value(x[at${K}_${L} / 4u]), is_in${K}_${L});
#else
  let d${K}_${L} = select(0.0, f32(x[at${K}_${L}]), is_in${K}_${L});
#endif
#endif
#endfor
#endif
#endfor
#for L in 0..TILE + 2
#if IS_GRAD && L < TILE
  let t${L} = spread(array<Value, ${TILE}>(
#for K in 0..TILE
    d${K}_${L},
#endfor
  ));
#elif !IS_GRAD
  let t${L} = spread(array<Value, ${TILE + 2}>(
#for K in 0..TILE + 2
    d${K}_${L},
#endfor
  ));
#endif
#endfor
  let start = patch_index * ${C}u + c;
#for A in 0..TILE + 2
#if IS_GRAD
  let v${A} = spread(array<Value, ${TILE}>(
#for L in 0..TILE
    t${L}[${A}],
#endfor
  ));
#else
  let v${A} = spread(array<Value, ${TILE + 2}>(
#for L in 0..TILE + 2
    t${L}[${A}],
#endfor
  ));
#endif
#for B in 0..TILE + 2
#if VEC4
#for E in 0..4
  store_y(${(A * (TILE + 2) + B) * N * TH * TW * C + E}u + start, v${A}[${B}][${E}]);
#endfor
#else
  store_y(${(A * (TILE + 2) + B) * N * TH * TW * C}u + start, v${A}[${B}]);
#endif
#endfor
#endfor
}
