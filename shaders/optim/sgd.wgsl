// sgd.wgsl: one step of stochastic gradient descent over a whole arena of parameters, in place.
//
//   g' = g + decay p;  b = momentum b + g';  p = p - lr (NESTEROV ? g' + momentum b : b)
//
//   hyper  [3]  f32  read        lr, momentum, decay
//   p      [N, 4]  f32  read_write
//   b      [N, 4]  f32  read_write
//
// Dispatch: ceil(N / THREADS) workgroups, folded over y; ROW is the number of invocations of one grid row.
// Params:   N  vectors of four; LOAD_G  fn load_g(i), the gradient; NESTEROV.
@group(0) @binding(0) var<storage, read> hyper: array<f32>;
@group(0) @binding(1) var<storage, read_write> p: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> b: array<vec4<f32>>;
${LOAD_G}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW} + id.x;
  if (i >= ${N}) {
    return;
  }
  let weight = p[i];
  let g = vec4<f32>(load_g(4u * i), load_g(4u * i + 1u), load_g(4u * i + 2u), load_g(4u * i + 3u));
  let slope = g + hyper[2] * weight;
  let velocity = hyper[1] * b[i] + slope;
  b[i] = velocity;
#if NESTEROV
  p[i] = weight - hyper[0] * (slope + hyper[1] * velocity);
#else
  p[i] = weight - hyper[0] * velocity;
#endif
}
