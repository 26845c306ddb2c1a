// swap.wgsl: exchanges the contents of two arenas.
//
//   (p, q) = (q, p)
//
//   p  [N, 4]  f32  read_write
//   q  [N, 4]  f32  read_write
//
// Dispatch: ceil(N / THREADS) workgroups, folded over y; ROW is the number of invocations of one grid row.
// Params:   N  vectors of four.
@group(0) @binding(0) var<storage, read_write> p: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> q: array<vec4<f32>>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW} + id.x;
  if (i >= ${N}) {
    return;
  }
  let kept = p[i];
  p[i] = q[i];
  q[i] = kept;
}
