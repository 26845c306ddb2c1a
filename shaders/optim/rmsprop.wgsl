// rmsprop.wgsl: one RMSprop step over a whole arena of parameters, in place.
//
//   g' = g + L2 p;  v = alpha v + (1 - alpha) g' g';  a = alpha a + (1 - alpha) g'
//   b = momentum b + g' / (sqrt(CENTERED ? v - a a : v) + eps);  p = p - lr b
//
//   hyper  [6]  f32  read        L2, alpha, 1 - alpha, eps, momentum, lr
//   p      [N, 4]  f32  read_write
//   v      [N, 4]  f32  read_write
//   b      [N, 4]  f32  read_write
//   a      [N, 4]  f32  read_write
//
// Dispatch: ceil(N / THREADS) workgroups, folded over y; ROW is the number of invocations of one grid row.
// Params:   N  vectors of four; LOAD_G  fn load_g(i), the gradient; CENTERED, without which there is no a.
// v - a a is a variance: rounding may take it below zero, where there is no root.
@group(0) @binding(0) var<storage, read> hyper: array<f32>;
@group(0) @binding(1) var<storage, read_write> p: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> v: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> b: array<vec4<f32>>;
#if CENTERED
@group(0) @binding(4) var<storage, read_write> a: array<vec4<f32>>;
#endif
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
  let square = hyper[1] * v[i] + hyper[2] * slope * slope;
  v[i] = square;
#if CENTERED
  let mean = hyper[1] * a[i] + hyper[2] * slope;
  a[i] = mean;
  let scale = sqrt(max(square - mean * mean, vec4<f32>(0.0))) + vec4<f32>(hyper[3]);
#else
  let scale = sqrt(square) + vec4<f32>(hyper[3]);
#endif
  let velocity = hyper[4] * b[i] + slope / scale;
  b[i] = velocity;
  p[i] = weight - hyper[5] * velocity;
}
