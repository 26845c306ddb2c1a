// map.wgsl: one output element an invocation, from an expression over input elements.
//
//   y[i] = expression(i)
//
// Dispatch: ceil(N / THREADS) workgroups, folded over y; ROW is the number of invocations of one grid row.
// Params:   DECLS  the bindings (y first) and helper functions; BODY  the statements that end in y[i] = ...;
//           N  elements; ROW; THREADS  the workgroup size.
${DECLS}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW} + id.x;
  if (i >= ${N}) {
    return;
  }
  ${BODY}
}
