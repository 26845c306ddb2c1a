// links.wgsl: chains the positions of equal ids, so that a sum over one id visits its positions alone, in order.
//
//   links[v]        = first k with id(k) = v, COUNT if there is none,    v < SIZE
//   links[SIZE + k] = first j > k with id(j) = id(k), COUNT if none,     k < COUNT
//
//   links  [SIZE + COUNT]  u32  read_write
//
// Dispatch: one thread per link, 64 per workgroup, folded over y; ROW is the number of invocations of one grid row.
// Params:   SIZE   ids run from 0 to SIZE - 1; others are taken for the nearest.
//           COUNT  number of ids.
//           LOAD_ID  fn load_id(i: u32) -> SIGNED i32 or else u32.

@group(0) @binding(0) var<storage, read_write> links: array<u32>;
${LOAD_ID}

fn id(k: u32) -> u32 {
#if SIGNED
  return u32(clamp(load_id(k), 0i, ${SIZE - 1}i));
#else
  return min(load_id(k), ${SIZE - 1}u);
#endif
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3<u32>) {
  let i = thread.y * ${ROW}u + thread.x;
  if (i >= ${SIZE + COUNT}u) {
    return;
  }
  var wanted = i;
  var start = 0u;
  if (i >= ${SIZE}u) {
    wanted = id(i - ${SIZE}u);
    start = i - ${SIZE}u + 1u;
  }
  var found = ${COUNT}u;
  for (var k = 0u; k < ${COUNT}u; k++) {
    if (start + k >= ${COUNT}u) {
      break;
    }
    if (id(start + k) == wanted) {
      found = start + k;
      break;
    }
  }
  links[i] = found;
}
