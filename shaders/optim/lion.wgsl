// lion.wgsl: one Lion step over a whole arena of parameters, in place.
//
//   p = (1 - lr decay) p - lr sign(b1 m + (1 - b1) g);  m = b2 m + (1 - b2) g
//
//   hyper  [6]  f32  read        lr decay, lr, b1, 1 - b1, b2, 1 - b2
//   p      [N, 4]  f32  read_write
//   m      [N, 4]  f32  read_write
//
// Dispatch: ceil(N / THREADS) workgroups, folded over y; ROW is the number of invocations of one grid row.
// Params:   N  vectors of four; LOAD_G  fn load_g(i), the gradient.
@group(0) @binding(0) var<storage, read> hyper: array<f32>;
@group(0) @binding(1) var<storage, read_write> p: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4<f32>>;
${LOAD_G}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW} + id.x;
  if (i >= ${N}) {
    return;
  }
  let g = vec4<f32>(load_g(4u * i), load_g(4u * i + 1u), load_g(4u * i + 2u), load_g(4u * i + 3u));
  let weight = p[i];
  let mean = m[i];
  m[i] = hyper[4] * mean + hyper[5] * g;
  p[i] = weight - hyper[0] * weight - hyper[1] * sign(hyper[2] * mean + hyper[3] * g);
}
