// serial.wgsl: reduces with one invocation for each output.
//
//   y[o] = finish(combine over r of lift(x[index(o, r)], r))
//
// Dispatch: one thread per output; grid (ROW / THREADS, as many rows as it takes, 1).
// Params:   ACC              alias Acc, and fn identity, lift, combine and finish over it.
//           INDEX            fn index(o: u32, r: u32) -> u32, the element of x that is r-th of output o.
//           LOAD_X           fn load_x(i: u32), element i of x.
//           LOAD_MORE        loads of other inputs, for ACC; may be empty.
//           OUTPUTS REDUCED  outputs, and elements of each.
//           THREADS          threads of a workgroup.
//           ROW              invocations of one grid row.
//           EPILOGUE_DECLS   binding of y, and fn store_y(i: u32, value).

${ACC}
${LOAD_X}
${LOAD_MORE}
${INDEX}
${EPILOGUE_DECLS}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let o = id.y * ${ROW} + id.x;
  if (o >= ${OUTPUTS}) {
    return;
  }
  var acc = identity();
  for (var r = 0u; r < ${REDUCED}; r++) {
    acc = combine(acc, lift(load_x(index(o, r)), r));
  }
  store_y(o, finish(acc));
}
