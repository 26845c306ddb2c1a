// serial.wgsl: reduces with one invocation for each output.
//
//   y[o] = finish(combine over r of lift(x[index(o, r)], r))
//
// Dispatch: ceil(OUTPUTS / THREADS) workgroups, folded over y; ROW is the number of invocations of one grid row.
// Params:   ACC  the accumulator's alias and the functions identity, lift, combine, finish; INDEX  fn index(o, r);
//           LOAD_X  fn load_x(i); LOAD_MORE  other loads, for ACC; EPILOGUE_DECLS  y and fn store_y(i, value); REDUCED  elements of one output.
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
