// adagrad.wgsl: one Adagrad step over a whole arena of parameters, in place.
//
//   g' = g + L2 p;  s = s + g' g';  p = p - lr g' / (sqrt(s) + eps)
//
//   hyper  [3]  f32  read        L2, eps, lr
//   p      [N, 4]  f32  read_write
//   s      [N, 4]  f32  read_write
//
// Dispatch: ceil(N / THREADS) workgroups, folded over y; ROW is the number of invocations of one grid row.
// Params:   N  vectors of four; LOAD_G  fn load_g(i), the gradient.
@group(0) @binding(0) var<storage, read> hyper: array<f32>;
@group(0) @binding(1) var<storage, read_write> p: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> s: array<vec4<f32>>;
${LOAD_G}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW} + id.x;
  if (i >= ${N}) {
    return;
  }
  let g = vec4<f32>(load_g(4u * i), load_g(4u * i + 1u), load_g(4u * i + 2u), load_g(4u * i + 3u));
  let weight = p[i];
  let slope = g + hyper[0] * weight;
  let total = s[i] + slope * slope;
  s[i] = total;
  p[i] = weight - hyper[2] * slope / (sqrt(total) + vec4<f32>(hyper[1]));
}
