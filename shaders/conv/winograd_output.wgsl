// winograd_output.wgsl: pixels of a 3 x 3 convolution from the products of Winograd's method: A^T m A.
//
//   y[n, i TILE + k, j TILE + l, o] = sum_{a, b} A[a, k] m[a, b, (n, i, j), o] A[b, l]
//
//   m  [E, E, N TH TW, O]   f32  read
//   y  [N, P, Q, O]         f32  through store_y
//
// Dispatch: one thread for each patch of TILE x TILE pixels and output; grid (x, y, 1) of at least N TH TW O threads, x THREADS
//           being ROW.
// Params:   N P Q O        sizes.
//           TH TW          patches along the height and width: ceil(P / TILE) and ceil(Q / TILE).
//           TILE           2 or 4; E = TILE + 2.
//           THREADS ROW    threads of a workgroup, threads of a row of workgroups.
//           EPILOGUE_DECLS binding of y from 1 on, and fn store_y(i: u32, value: f32).

@group(0) @binding(0) var<storage, read> m: array<f32>;
${EPILOGUE_DECLS}

#if TILE == 2
fn gather(m: array<f32, 4>) -> array<f32, 2> {
  return array<f32, 2>(m[0] + m[1] + m[2], m[1] - m[2] - m[3]);
}
#else
fn gather(m: array<f32, 6>) -> array<f32, 4> {
  let even = m[1] + m[2];
  let odd = m[1] - m[2];
  let far_even = m[3] + m[4];
  let far_odd = m[3] - m[4];
  return array<f32, 4>(
    m[0] + even + far_even,
    odd + 2.0 * far_odd,
    even + 4.0 * far_even,
    odd + 8.0 * far_odd + m[5],
  );
}
#endif

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let thread = id.y * ${ROW}u + id.x;
  let patch_index = thread / ${O}u;
  let o = thread % ${O}u;
  if (patch_index >= ${N * TH * TW}u) {
    return;
  }
  let n = patch_index / ${TH * TW}u;
  let p = patch_index / ${TW}u % ${TH}u * ${TILE}u;
  let q = patch_index % ${TW}u * ${TILE}u;
#for B in 0..TILE + 2
  let t${B} = gather(array<f32, ${TILE + 2}>(
#for A in 0..TILE + 2
    m[${(A * (TILE + 2) + B) * N * TH * TW * O}u + thread],
#endfor
  ));
#endfor
#for K in 0..TILE
  let y${K} = gather(array<f32, ${TILE + 2}>(
#for B in 0..TILE + 2
    t${B}[${K}],
#endfor
  ));
#for L in 0..TILE
  if ((p + ${K}u < ${P}u) & (q + ${L}u < ${Q}u)) {
    store_y(((n * ${P}u + p + ${K}u) * ${Q}u + q + ${L}u) * ${O}u + o, y${K}[${L}]);
  }
#endfor
#endfor
}
