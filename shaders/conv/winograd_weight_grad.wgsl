// winograd_weight_grad.wgsl: the gradient of the weights of a 3 x 3 convolution from the products of Winograd's method: G^T m G.
//
//   dw[o, kh, kw, c] = sum_{a, b} G[a, kh] m[a, b, o, c] G[b, kw],  G as in winograd_operands.wgsl
//
//   m     [E, E, O, C]  f32  read
//   v     [FIRST + E E PATCHES O]  f32  read  with SUMS alone: what winograd_operands.wgsl writes, grads from FIRST on
//   sums  [O]           f32  write  with SUMS alone: of that gradient over all pixels
//   dw    [O, 3, 3, C]  f32  through store_y
//
// Dispatch: one thread for each o and c; grid (x, y, 1) of at least O C threads, x THREADS being ROW.
// Params:   O C            outputs and channels.
//           TILE           2 or 4, the pixels of a patch along each axis; E = TILE + 2.
//           SUMS           also sums the gradient of the outputs, of PATCHES patches.
//           FIRST PATCHES  see v.
//           THREADS ROW    threads of a workgroup, threads of a row of workgroups.
//           EPILOGUE_DECLS binding of y from 1 on, from 3 with SUMS, and fn store_y(i: u32, value: f32).

@group(0) @binding(0) var<storage, read> m: array<f32>;
#if SUMS
@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
#endif
${EPILOGUE_DECLS}

#if TILE == 2
fn gather(m: array<f32, 4>) -> array<f32, 3> {
  let half = 0.5 * (m[1] + m[2]);
  return array<f32, 3>(m[0] + half, 0.5 * (m[1] - m[2]), half + m[3]);
}
#else
fn gather(m: array<f32, 6>) -> array<f32, 3> {
  let near = (m[1] + m[2]) / 6.0;
  let far = m[3] + m[4];
  return array<f32, 3>(
    0.25 * m[0] - near + far / 24.0,
    (m[2] - m[1]) / 6.0 + (m[3] - m[4]) / 12.0,
    far / 6.0 - near + m[5],
  );
}
#endif

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= ${O * C}u) {
    return;
  }
#for B in 0..TILE + 2
  let t${B} = gather(array<f32, ${TILE + 2}>(
#for A in 0..TILE + 2
    m[${(A * (TILE + 2) + B) * O * C}u + i],
#endfor
  ));
#endfor
  let start = i / ${C}u * ${9 * C}u + i % ${C}u;
#for K in 0..3
  let dw${K} = gather(array<f32, ${TILE + 2}>(
#for B in 0..TILE + 2
    t${B}[${K}],
#endfor
  ));
#for L in 0..3
  store_y(start + ${(3 * K + L) * C}u, dw${K}[${L}]);
#endfor
#endfor
#if SUMS
  if (i % ${C}u == 0u) {
    // Row 1 of A is of ones: element (1, 1) of a patch's grads is their sum.
    var total = 0.0;
    for (var patch_index = 0u; patch_index < ${PATCHES}u; patch_index++) {
      total += v[${FIRST + (TILE + 3) * PATCHES * O}u + patch_index * ${O}u + i / ${C}u];
    }
    sums[i / ${C}u] = total;
  }
#endif
}
