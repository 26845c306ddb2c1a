// axis.wgsl: a linear map along one axis, each output a weighted sum of neighbours.
//
//   y[a, o, b] = sum over TAPS elements i from first(o) on of weight(o, i) x[a, i, b]
//
//   y  [outer, TO, INNER]  f32  through store_y
//
// Dispatch: one thread per element of y, 64 per workgroup, folded over y; ROW is the number of threads of one grid row.
// Params:   FROM TO INNER   size of the axis in x and y, and elements behind it.
//           OUTPUTS         elements of y.
//           MAP             fn first(o: u32) -> u32 and fn weight(o: u32, i: u32) -> f32.
//           LOAD_X          fn load_x(i: u32) -> f32 of x [outer, FROM, INNER].
//           EPILOGUE_DECLS  binding of y, and fn store_y(i: u32, value: f32).
// Elements without weight are not read, so that what is not finite stays where it is.
${MAP}
${LOAD_X}
${EPILOGUE_DECLS}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let n = id.y * ${ROW} + id.x;
  if (n >= ${OUTPUTS}) {
    return;
  }
  let line = n / ${INNER};
  let o = line % ${TO};
  let start = line / ${TO} * ${FROM} * ${INNER} + n % ${INNER};
  let low = first(o);
  var sum = 0.0;
  for (var t = 0u; t < ${TAPS}; t++) {
    let i = low + t;
    if (i < ${FROM}) {
      let w = weight(o, i);
      if (w != 0.0) {
        sum += w * load_x(start + i * ${INNER});
      }
    }
  }
  store_y(n, sum);
}
