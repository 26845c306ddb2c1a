// running_average.wgsl: brings the statistics of a batch into their running averages, in place.
//
//   a = a + share (mean - a);  b = b + share (variance - b)
//
//   a  [C]  f32  read_write
//   b  [C]  f32  read_write
//
// Dispatch: ceil(C / THREADS) workgroups, folded over y; ROW is the number of invocations of one grid row.
// Params:   C  channels.
//           LOAD_MEAN LOAD_VARIANCE LOAD_SHARE  fn load_mean(i), fn load_variance(i), fn load_share(0).
@group(0) @binding(0) var<storage, read_write> a: array<f32>;
@group(0) @binding(1) var<storage, read_write> b: array<f32>;
${LOAD_MEAN}
${LOAD_VARIANCE}
${LOAD_SHARE}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= ${C}u) {
    return;
  }
  let share = load_share(0u);
  a[i] += share * (load_mean(i) - a[i]);
  b[i] += share * (load_variance(i) - b[i]);
}
