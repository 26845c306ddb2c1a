// partials.wgsl: the second of two stages of a reduction: combines the parts of each output in order.
//
//   y[o] = finish(combine over s of partials[s, o])
//
//   partials  [SPLITS, OUTPUTS]  Acc  read
//
// Dispatch: one thread per output; grid (ROW / THREADS, as many rows as it takes, 1).
// Params:   ACC             alias Acc, and fn identity, lift, combine and finish over it.
//           OUTPUTS SPLITS  outputs, and parts of each.
//           THREADS         threads of a workgroup.
//           ROW             invocations of one grid row.
//           EPILOGUE_DECLS  binding of y, and fn store_y(i: u32, value).

${ACC}
@group(0) @binding(0) var<storage, read> partials: array<Acc>;
${EPILOGUE_DECLS}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let o = id.y * ${ROW} + id.x;
  if (o >= ${OUTPUTS}) {
    return;
  }
  var acc = identity();
  for (var s = 0u; s < ${SPLITS}; s++) {
    acc = combine(acc, partials[s * ${OUTPUTS} + o]);
  }
  store_y(o, finish(acc));
}
