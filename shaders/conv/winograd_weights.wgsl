// winograd_weights.wgsl: the weights of a 3 x 3 convolution as Winograd's method multiplies them: G w G^T.
//
//   u[a, b, o, c] = sum_{kh, kw} G[a, kh] w[o, kh, kw, c] G[b, kw]
//
//   w  [O, 3, 3, C]     W_TYPE  read
//   u  [E, E, O, C]     f32  through store_y
//
// Dispatch: one thread for each o and c; grid (x, y, 1) of at least O C threads, x THREADS being ROW.
// Params:   O C            outputs and channels.
//           TILE           2 or 4, the pixels of a patch along each axis; E = TILE + 2.
//           IS_GRAD        the taps are taken in reverse, for the gradient of the input.
//           THREADS ROW    threads of a workgroup, threads of a row of workgroups.
//           W_TYPE         f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS binding of y from 1 on, and fn store_y(i: u32, value: f32).

@group(0) @binding(0) var<storage, read> w: array<${W_TYPE}>;
${EPILOGUE_DECLS}

#if TILE == 2
fn spread(w: array<f32, 3>) -> array<f32, 4> {
  let even = 0.5 * (w[0] + w[2]);
  let odd = 0.5 * w[1];
  return array<f32, 4>(w[0], even + odd, even - odd, w[2]);
}
#else
fn spread(w: array<f32, 3>) -> array<f32, 6> {
  let even = -(w[0] + w[2]) / 6.0;
  let odd = w[1] / 6.0;
  let far_even = w[0] / 24.0 + w[2] / 6.0;
  let far_odd = w[1] / 12.0;
  return array<f32, 6>(0.25 * w[0], even - odd, even + odd, far_even + far_odd, far_even - far_odd, w[2]);
}
#endif

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= ${O * C}u) {
    return;
  }
  let start = i / ${C}u * ${9 * C}u + i % ${C}u;
#for L in 0..3
#if IS_GRAD
  let t${L} = spread(array<f32, 3>(
#for K in 0..3
    f32(w[start + ${(8 - 3 * K - L) * C}u]),
#endfor
  ));
#else
  let t${L} = spread(array<f32, 3>(
#for K in 0..3
    f32(w[start + ${(3 * K + L) * C}u]),
#endfor
  ));
#endif
#endfor
#for A in 0..TILE + 2
  let u${A} = spread(array<f32, 3>(t0[${A}], t1[${A}], t2[${A}]));
#for B in 0..TILE + 2
  store_y(${(A * (TILE + 2) + B) * O * C}u + i, u${A}[${B}]);
#endfor
#endfor
}
