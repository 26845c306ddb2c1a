// append.wgsl: puts the keys and values of new positions behind those that are there.
//
//   keys[b, start + i, d] = k[b, i, d];  values[b, start + i, d] = v[b, i, d]
//
//   keys    [BATCH, LENGTH, FEATURES]  f32  read_write
//   values  [BATCH, LENGTH, FEATURES]  f32  read_write
//
// Dispatch: one thread per element of k; grid (ROW / THREADS, as many rows as it takes, 1).
// Params:   COUNT         BATCH POSITIONS FEATURES.
//           POSITIONS FEATURES LENGTH  new positions, elements of one, and positions that there is room for.
//           THREADS ROW   threads of a workgroup, and of one grid row.
//           LOAD_K LOAD_V LOAD_START  fn load_k, load_v (i: u32) -> f32, load_start (i: u32) -> u32, of one element.
// Positions beyond LENGTH are not stored.

@group(0) @binding(0) var<storage, read_write> keys: array<f32>;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
${LOAD_K}
${LOAD_V}
${LOAD_START}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= ${COUNT}u) {
    return;
  }
  let batch = i / ${POSITIONS * FEATURES}u;
  let position = load_start(0u) + i / ${FEATURES}u % ${POSITIONS}u;
  if (position < ${LENGTH}u) {
    let at = (batch * ${LENGTH}u + position) * ${FEATURES}u + i % ${FEATURES}u;
    keys[at] = load_k(i);
    values[at] = load_v(i);
  }
}
