// parts.wgsl: the first of two stages of a reduction with few outputs: each invocation reduces every SPLITS-th element of one output.
//
//   partials[s, o] = combine over r = s, s + SPLITS, s + 2 SPLITS, ... of lift(x[index(o, r)], r)
//
//   partials  [SPLITS, OUTPUTS]  Acc  read_write
//
// Dispatch: ceil(OUTPUTS * SPLITS / THREADS) workgroups, folded over y; ROW is the number of invocations of one grid row.
// Params:   ACC  the accumulator's alias and the functions identity, lift, combine, finish; INDEX  fn index(o, r);
//           LOAD_X  fn load_x(i); LOAD_MORE  other loads, for ACC; STEPS  ceil(REDUCED / SPLITS); OUTPUTS_FAST  neighbours take neighbouring outputs, not parts.
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
