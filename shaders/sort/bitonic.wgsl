// bitonic.wgsl: the order of the keys of each line, smallest first, by a bitonic network in shared memory (Batcher 1968).
//
//   y[o, k, n] = the j whose key(o, j, n) is number k of its line; equal keys by j,    k < COUNT
//
//   keys  [OUTER, SIZE, INNER]   u32  through load_key
//   y     [OUTER, COUNT, INNER]  i32  through store_y
//
// Dispatch: one workgroup per line, folded over y; WIDTH is the number of workgroups of one grid row.
// Params:   LINES  OUTER * INNER; SIZE  keys of a line; COUNT  how many are wanted, at most SIZE; INNER  how far apart they lie;
//           SLOTS  2 ** STAGES, at least SIZE and 2; THREADS  a power of two, at most SLOTS / 2.
//           LOAD_KEY  fn load_key(i: u32) -> u32; EPILOGUE_DECLS  y and fn store_y(i: u32, value: i32).
// Slots past SIZE hold the largest key and a larger j than any other, so they end up last.
${LOAD_KEY}
${EPILOGUE_DECLS}

var<workgroup> keys: array<u32, ${SLOTS}>;
var<workgroup> ids: array<u32, ${SLOTS}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let line = group.y * ${WIDTH}u + group.x;
  if (line >= ${LINES}u) {
    return;
  }
  let outer = line / ${INNER}u;
  let inner = line % ${INNER}u;
  for (var step = 0u; step < ${SLOTS / THREADS}u; step++) {
    let k = step * ${THREADS}u + lane;
    var key = 0xffffffffu;
    if (k < ${SIZE}u) {
      key = load_key((outer * ${SIZE}u + k) * ${INNER}u + inner);
    }
    keys[k] = key;
    ids[k] = k;
  }
  for (var stage = 0u; stage < ${STAGES}u; stage++) {
    for (var pass_index = 0u; pass_index < ${STAGES}u; pass_index++) {
      if (pass_index > stage) {
        break;
      }
      workgroupBarrier();
      let reach = 1u << (stage - pass_index);
      for (var step = 0u; step < ${SLOTS / 2 / THREADS}u; step++) {
        let pair = step * ${THREADS}u + lane;
        let low = pair + (pair & ~(reach - 1u));
        let high = low + reach;
        let a = vec2<u32>(keys[low], ids[low]);
        let b = vec2<u32>(keys[high], ids[high]);
        let is_after = a.x > b.x || (a.x == b.x && a.y > b.y);
        let is_rising = (low & (2u << stage)) == 0u;
        if (is_after == is_rising) {
          keys[low] = b.x;
          ids[low] = b.y;
          keys[high] = a.x;
          ids[high] = a.y;
        }
      }
    }
  }
  workgroupBarrier();
  for (var step = 0u; step < ${SLOTS / THREADS}u; step++) {
    let k = step * ${THREADS}u + lane;
    if (k < ${COUNT}u) {
      store_y((outer * ${COUNT}u + k) * ${INNER}u + inner, i32(ids[k]));
    }
  }
}
