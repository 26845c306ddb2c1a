// winograd_input.wgsl: patches of 4 x 4 pixels of NHWC images as F(2 x 2, 3 x 3) multiplies them: B^T x B.
//
//   v[a, b, (n, i, j), c] = sum_{k, l} B[k, a] x[n, 2 i - PH + k, 2 j - PW + l, c] B[l, b],  x zero outside
//
//   x  [N, H, W, C]             X_TYPE  read
//   v  [4, 4, N TH TW, C]       f32  through store_y
//
// Dispatch: one thread for each patch and four channels; grid (x, y, 1) of at least N TH TW C / 4 threads, x THREADS
//           being ROW.
// Params:   N H W C        sizes; C is a multiple of 4.
//           TH TW          patches along the height and width, two pixels apart.
//           PH PW          padding.
//           THREADS ROW    threads of a workgroup, threads of a row of workgroups.
//           X_TYPE         f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS binding of y from 1 on, and fn store_y(i: u32, value: f32).

@group(0) @binding(0) var<storage, read> x: array<vec4<${X_TYPE}>>;
${EPILOGUE_DECLS}

fn store_quad(i: u32, value: vec4<f32>) {
  store_y(i, value.x);
  store_y(i + 1u, value.y);
  store_y(i + 2u, value.z);
  store_y(i + 3u, value.w);
}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let thread = id.y * ${ROW}u + id.x;
  let patch_index = thread / ${C / 4}u;
  let c = thread % ${C / 4}u * 4u;
  if (patch_index >= ${N * TH * TW}u) {
    return;
  }
  let n = patch_index / ${TH * TW}u;
  let top = i32(patch_index / ${TW}u % ${TH}u * 2u) - ${PH}i;
  let left = i32(patch_index % ${TW}u * 2u) - ${PW}i;
#for K in 0..4
  let h${K} = top + ${K}i;
  let is_row${K} = u32(h${K}) < ${H}u;
#for L in 0..4
  let is_in${K}_${L} = is_row${K} & (u32(left + ${L}i) < ${W}u);
  let at${K}_${L} = select(0i, ((i32(n * ${H}u) + h${K}) * ${W}i + left + ${L}i) * ${C}i + i32(c), is_in${K}_${L});
  let d${K}_${L} = select(vec4<f32>(), vec4<f32>(x[u32(at${K}_${L}) / 4u]), is_in${K}_${L});
#endfor
#endfor
#for L in 0..4
  let t0_${L} = d0_${L} - d2_${L};
  let t1_${L} = d1_${L} + d2_${L};
  let t2_${L} = d2_${L} - d1_${L};
  let t3_${L} = d1_${L} - d3_${L};
#endfor
  let start = patch_index * ${C}u + c;
#for A in 0..4
  store_quad(${4 * A * N * TH * TW * C}u + start, t${A}_0 - t${A}_2);
  store_quad(${(4 * A + 1) * N * TH * TW * C}u + start, t${A}_1 + t${A}_2);
  store_quad(${(4 * A + 2) * N * TH * TW * C}u + start, t${A}_2 - t${A}_1);
  store_quad(${(4 * A + 3) * N * TH * TW * C}u + start, t${A}_1 - t${A}_3);
#endfor
}
