// winograd_output.wgsl: pixels of a 3 x 3 convolution from the products of F(2 x 2, 3 x 3): A^T m A.
//
//   y[n, 2 i + k, 2 j + l, o] = sum_{a, b} A[a, k] m[a, b, (n, i, j), o] A[b, l]
//
//   m  [4, 4, N TH TW, O]   f32  read
//   y  [N, P, Q, O]         f32  through store_y
//
// Dispatch: one thread for each patch of 2 x 2 pixels and four outputs; grid (x, y, 1) of at least N TH TW O / 4 threads,
//           x THREADS being ROW.
// Params:   N P Q O        sizes; O is a multiple of 4.
//           TH TW          patches along the height and width: ceil(P / 2) and ceil(Q / 2).
//           THREADS ROW    threads of a workgroup, threads of a row of workgroups.
//           EPILOGUE_DECLS binding of y from 1 on, and fn store_y(i: u32, value: f32).

@group(0) @binding(0) var<storage, read> m: array<vec4<f32>>;
${EPILOGUE_DECLS}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let thread = id.y * ${ROW}u + id.x;
  let patch_index = thread / ${O / 4}u;
  let o = thread % ${O / 4}u * 4u;
  if (patch_index >= ${N * TH * TW}u) {
    return;
  }
  let n = patch_index / ${TH * TW}u;
  let p = patch_index / ${TW}u % ${TH}u * 2u;
  let q = patch_index % ${TW}u * 2u;
#for A in 0..4
#for B in 0..4
  let m${A}_${B} = m[${(4 * A + B) * N * TH * TW * O / 4}u + thread];
#endfor
  let t${A}_0 = m${A}_0 + m${A}_1 + m${A}_2;
  let t${A}_1 = m${A}_1 - m${A}_2 - m${A}_3;
#endfor
#for L in 0..2
  let y0_${L} = t0_${L} + t1_${L} + t2_${L};
  let y1_${L} = t1_${L} - t2_${L} - t3_${L};
#endfor
#for K in 0..2
#for L in 0..2
  if ((p + ${K}u < ${P}u) & (q + ${L}u < ${Q}u)) {
    let start = ((n * ${P}u + p + ${K}u) * ${Q}u + q + ${L}u) * ${O}u + o;
#for E in 0..4
    store_y(start + ${E}u, y${K}_${L}[${E}]);
#endfor
  }
#endfor
#endfor
}
