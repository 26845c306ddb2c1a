// winograd_weights.wgsl: the weights of a 3 x 3 convolution as F(2 x 2, 3 x 3) multiplies them: G w G^T.
//
//   u[a, b, o, c] = sum_{kh, kw} G[a, kh] w[o, kh, kw, c] G[b, kw]
//
//   w  [O, 3, 3, C]     W_TYPE  read
//   u  [4, 4, O, C]     f32  through store_y
//
// Dispatch: one thread for each o and c; grid (x, y, 1) of at least O C threads, x THREADS being ROW.
// Params:   O C            outputs and channels.
//           IS_GRAD        the taps are taken in reverse, for the gradient of the input.
//           THREADS ROW    threads of a workgroup, threads of a row of workgroups.
//           W_TYPE         f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS binding of y from 1 on, and fn store_y(i: u32, value: f32).

@group(0) @binding(0) var<storage, read> w: array<${W_TYPE}>;
${EPILOGUE_DECLS}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= ${O * C}u) {
    return;
  }
  let start = i / ${C}u * ${9 * C}u + i % ${C}u;
#for K in 0..3
#for L in 0..3
#if IS_GRAD
  let w${K}_${L} = f32(w[start + ${(8 - 3 * K - L) * C}u]);
#else
  let w${K}_${L} = f32(w[start + ${(3 * K + L) * C}u]);
#endif
#endfor
#endfor
#for L in 0..3
  let even${L} = 0.5 * (w0_${L} + w2_${L});
  let odd${L} = 0.5 * w1_${L};
  let t0_${L} = w0_${L};
  let t1_${L} = even${L} + odd${L};
  let t2_${L} = even${L} - odd${L};
  let t3_${L} = w2_${L};
#endfor
#for A in 0..4
  {
    let even = 0.5 * (t${A}_0 + t${A}_2);
    let odd = 0.5 * t${A}_1;
    store_y(${4 * A * O * C}u + i, t${A}_0);
    store_y(${(4 * A + 1) * O * C}u + i, even + odd);
    store_y(${(4 * A + 2) * O * C}u + i, even - odd);
    store_y(${(4 * A + 3) * O * C}u + i, t${A}_2);
  }
#endfor
}
