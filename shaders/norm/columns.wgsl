// columns.wgsl: gradients of the weight and the bias of normalized rows, added up in order.
//
//   dweight[c] = sum over r of g[r, c] (x[r, c] - mean[r]) rstd[r];  dbias[c] = sum over r of g[r, c]
//
//   stats    [COUNT, 2]           f32  read   mean and rstd of each row, unless HAS_PARTS
//   parts    [COUNT, COLUMNS, 2]  f32  read   such sums over parts of the rows, where HAS_PARTS
//   dweight  [COLUMNS]            f32  write
//   dbias    [COLUMNS]            f32  write  where HAS_BIAS
//
// Dispatch: one thread per column; grid (ROW / THREADS, as many rows as it takes, 1).
// Params:   COUNT COLUMNS  rows or parts, and columns.
//           HAS_PARTS      the sums over parts are given.
//           HAS_BIAS       there is a bias.
//           THREADS ROW    threads of a workgroup, and of one grid row.
//           LOAD_X LOAD_G  fn load_x, load_g (i: u32) -> f32, unless HAS_PARTS.

#if HAS_PARTS
@group(0) @binding(0) var<storage, read> parts: array<f32>;
#else
@group(0) @binding(0) var<storage, read> stats: array<f32>;
#endif
@group(0) @binding(1) var<storage, read_write> dweight: array<f32>;
#if HAS_BIAS
@group(0) @binding(2) var<storage, read_write> dbias: array<f32>;
#endif
${LOAD_X}
${LOAD_G}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let c = id.y * ${ROW}u + id.x;
  if (c >= ${COLUMNS}u) {
    return;
  }
  var total = vec2<f32>();
  for (var r = 0u; r < ${COUNT}u; r++) {
    let i = r * ${COLUMNS}u + c;
#if HAS_PARTS
    total += vec2<f32>(parts[2u * i], parts[2u * i + 1u]);
#else
    let g = load_g(i);
    total += vec2<f32>(g * (load_x(i) - stats[2u * r]) * stats[2u * r + 1u], g);
#endif
  }
  dweight[c] = total.x;
#if HAS_BIAS
  dbias[c] = total.y;
#endif
}
