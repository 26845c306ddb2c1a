// parts.wgsl: the first of two stages of a reduction: each thread reduces every SPLITS-th element of an output.
//
//   partials[s, o] = combine over r = s, s + SPLITS, s + 2 SPLITS, ... of lift(x[index(o, r)], r)
//
//   partials  [SPLITS, OUTPUTS]  Acc  read_write
//
// Dispatch: one thread per part of an output; grid (ROW / THREADS, as many rows as it takes, 1).
// Params:   ACC              alias Acc, and fn identity, lift, combine and finish over it.
//           INDEX            fn index(o: u32, r: u32) -> u32, the element of x that is r-th of output o.
//           LOAD_X           fn load_x(i: u32), element i of x.
//           LOAD_MORE        loads of other inputs, for ACC; may be empty.
//           OUTPUTS REDUCED  outputs, and elements of each.
//           SPLITS           parts of each output.
//           STEPS            ceil(REDUCED / SPLITS).
//           OUTPUTS_FAST     neighbouring threads take neighbouring outputs, not parts.
//           THREADS          threads of a workgroup.
//           ROW              invocations of one grid row.

${ACC}
@group(0) @binding(0) var<storage, read_write> partials: array<Acc>;
${LOAD_X}
${LOAD_MORE}
${INDEX}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let t = id.y * ${ROW} + id.x;
  if (t >= ${OUTPUTS * SPLITS}u) {
    return;
  }
#if OUTPUTS_FAST
  let o = t % ${OUTPUTS};
  let s = t / ${OUTPUTS};
#else
  let o = t / ${SPLITS};
  let s = t % ${SPLITS};
#endif
  var acc = identity();
  for (var k = 0u; k < ${STEPS}; k++) {
    let r = k * ${SPLITS} + s;
    if (r < ${REDUCED}) {
      acc = combine(acc, lift(load_x(index(o, r)), r));
    }
  }
  partials[s * ${OUTPUTS} + o] = acc;
}
