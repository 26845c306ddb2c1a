// tree.wgsl: reduces with one workgroup for each output; neighbouring invocations read neighbouring elements.
//
//   y[o] = finish(combine over r of lift(x[index(o, r)], r))
//
// Dispatch: one workgroup per output; grid (WIDTH, as many rows as it takes, 1).
// Params:   ACC              alias Acc, and fn identity, lift, combine and finish over it.
//           INDEX            fn index(o: u32, r: u32) -> u32, the element of x that is r-th of output o.
//           LOAD_X           fn load_x(i: u32), element i of x.
//           LOAD_MORE        loads of other inputs, for ACC; may be empty.
//           OUTPUTS REDUCED  outputs, and elements of each.
//           STEPS            ceil(REDUCED / THREADS).
//           THREADS LEVELS   threads of a workgroup, 2 ** LEVELS, at least 2.
//           WIDTH            workgroups of one grid row.
//           EPILOGUE_DECLS   binding of y, and fn store_y(i: u32, value).
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
