// map.wgsl: one output element an invocation, from an expression over input elements.
//
//   y[i] = expression(i)
//
// Dispatch: one thread per element; grid (ROW / THREADS, as many rows as it takes, 1).
// Params:   DECLS    the bindings, y first, and helper functions.
//           BODY     statements, the last of which is y[i] = ...;
//           N        elements of y.
//           THREADS  threads of a workgroup.
//           ROW      invocations of one grid row.

${DECLS}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW} + id.x;
  if (i >= ${N}) {
    return;
  }
  ${BODY}
}
