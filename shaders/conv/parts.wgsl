// parts.wgsl: adds up the parts of a gradient by the weights, and those of the sums that came with it, in order.
//
//   y[i] = sum_s parts[s, i],  sums[o] = sum_s part_sums[s, o]
//
//   parts      [S, COUNT]  f32  read
//   part_sums  [S, O]      f32  read
//   sums       [O]         f32  write
//   y          [COUNT]     f32  through store_y
//
// Dispatch: one thread for each element of y and of sums; grid (x, y, 1) of at least COUNT + O threads, x THREADS being
//           ROW.
// Params:   COUNT O S      elements of y, of sums, and parts of each.
//           THREADS ROW    threads of a workgroup, threads of a row of workgroups.
//           EPILOGUE_DECLS binding of y from 3 on, and fn store_y(i: u32, value: f32).

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read> part_sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
${EPILOGUE_DECLS}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  var sum = 0.0;
  if (i < ${COUNT}u) {
    for (var s = 0u; s < ${S}u; s++) {
      sum += parts[s * ${COUNT}u + i];
    }
    store_y(i, sum);
  } else if (i < ${COUNT + O}u) {
    for (var s = 0u; s < ${S}u; s++) {
      sum += part_sums[s * ${O}u + i - ${COUNT}u];
    }
    sums[i - ${COUNT}u] = sum;
  }
}
