// rank.wgsl: the order of the keys of each line, smallest first, by counting for each how many come before it.
//
//   y[o, rank(o, j, n), n] = j, where rank counts the keys of the line below key(o, j, n), and the equal ones before j
//
//   keys  [OUTER, SIZE, INNER]   u32  through load_key
//   y     [OUTER, COUNT, INNER]  i32  through store_y
//
// Dispatch: one thread per key, 64 per workgroup, folded over y; ROW is the number of invocations of one grid row.
// Params:   TOTAL  OUTER * SIZE * INNER; SIZE  keys of a line; COUNT  how many are wanted, at most SIZE; INNER  how far apart they lie.
//           LOAD_KEY  fn load_key(i: u32) -> u32; EPILOGUE_DECLS  y and fn store_y(i: u32, value: i32).
// Ranks are a permutation, so each element of y is stored by one invocation.
${LOAD_KEY}
${EPILOGUE_DECLS}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3<u32>) {
  let i = thread.y * ${ROW}u + thread.x;
  if (i >= ${TOTAL}u) {
    return;
  }
  let inner = i % ${INNER}u;
  let j = i / ${INNER}u % ${SIZE}u;
  let outer = i / ${SIZE * INNER}u;
  let own = load_key(i);
  var rank = 0u;
  for (var k = 0u; k < ${SIZE}u; k++) {
    let other = load_key((outer * ${SIZE}u + k) * ${INNER}u + inner);
    rank += select(0u, 1u, other < own || (other == own && k < j));
  }
  if (rank < ${COUNT}u) {
    store_y((outer * ${COUNT}u + rank) * ${INNER}u + inner, i32(j));
  }
}
