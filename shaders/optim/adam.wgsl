// adam.wgsl: one Adam or AdamW step over a whole arena of parameters, in place.
//
//   g' = g + L2 p;  m = b1 m + (1 - b1) g';  v = b2 v + (1 - b2) g' g'
//   p = (1 - lr decay) p - lr / c1 * m / (sqrt(v) / sqrt(c2) + eps),  c1 = 1 - b1^t,  c2 = 1 - b2^t
//
//   hyper  [9]  f32  read        lr decay, L2, b1, 1 - b1, b2, 1 - b2, eps, lr / c1, 1 / sqrt(c2)
//   p      [N, 4]  f32  read_write
//   m      [N, 4]  f32  read_write
//   v      [N, 4]  f32  read_write
//
// Dispatch: ceil(N / THREADS) workgroups, folded over y; ROW is the number of invocations of one grid row.
// Params:   N  vectors of four; LOAD_G  fn load_g(i), the gradient.
// 1 - b1 and 1 - b2 come from the host, which has them in f64: 1 - 0.999 in f32 is off by 1e-5.
@group(0) @binding(0) var<storage, read> hyper: array<f32>;
@group(0) @binding(1) var<storage, read_write> p: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> v: array<vec4<f32>>;
${LOAD_G}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW} + id.x;
  if (i >= ${N}) {
    return;
  }
  let weight = p[i];
  let g = vec4<f32>(load_g(4u * i), load_g(4u * i + 1u), load_g(4u * i + 2u), load_g(4u * i + 3u));
  let slope = g + hyper[1] * weight;
  let mean = hyper[2] * m[i] + hyper[3] * slope;
  let square = hyper[4] * v[i] + hyper[5] * slope * slope;
  m[i] = mean;
  v[i] = square;
  p[i] = weight - hyper[0] * weight - hyper[7] * mean / (sqrt(square) * hyper[8] + vec4<f32>(hyper[6]));
}
