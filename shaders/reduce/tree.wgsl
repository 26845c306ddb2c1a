// tree.wgsl: reduces with one workgroup for each output; neighbouring invocations read neighbouring elements.
//
//   y[o] = finish(combine over r of lift(x[index(o, r)], r))
//
// Dispatch: OUTPUTS workgroups, folded over y; WIDTH is the number of workgroups of one grid row.
// Params:   ACC  the accumulator's alias and the functions identity, lift, combine, finish; INDEX  fn index(o, r);
//           LOAD_X  fn load_x(i); LOAD_MORE  other loads, for ACC; EPILOGUE_DECLS  y and fn store_y(i, value); STEPS  ceil(REDUCED / THREADS);
//           THREADS  2 ** LEVELS, at least 2.
// The tree is the same on every device, so the bits do not depend on the size of a subgroup.
${ACC}
${LOAD_X}
${LOAD_MORE}
${INDEX}
${EPILOGUE_DECLS}

var<workgroup> shared_acc: array<Acc, ${THREADS}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let o = group.y * ${WIDTH} + group.x;
  if (o >= ${OUTPUTS}) {
    return;
  }
  var acc = identity();
  for (var k = 0u; k < ${STEPS}; k++) {
    let r = k * ${THREADS}u + lane;
    if (r < ${REDUCED}) {
      acc = combine(acc, lift(load_x(index(o, r)), r));
    }
  }
  shared_acc[lane] = acc;
  var reach = ${THREADS}u;
  for (var level = 0u; level < ${LEVELS}; level++) {
    reach = reach / 2u;
    workgroupBarrier();
    if (lane < reach) {
      shared_acc[lane] = combine(shared_acc[lane], shared_acc[lane + reach]);
    }
  }
  if (lane == 0u) {
    store_y(o, finish(shared_acc[0]));
  }
}
