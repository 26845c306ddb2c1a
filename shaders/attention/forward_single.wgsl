// forward_single.wgsl: attention of few queries, as when a text is written; a workgroup owns one query, a thread keys of it.
//
//   o[b, i, h] = sum_j softmax_j(logit(q[b, i, h] . k[b, j, h / GROUP])) v[b, j, h / GROUP]
//   lse[b, h, i] = log sum_j e ** logit
//
//   q    [BATCH, QUERIES, Q_ROW]            f32  read   head h at Q_OFFSET + h DEPTH of a row
//   k    [BATCH, KEYS, K_ROW]               f32  read   head h at K_OFFSET + h DEPTH of a row
//   v    [BATCH, KEYS, V_ROW]               f32  read   head h at V_OFFSET + h DEPTH of a row
//   o    [BATCH, QUERIES, HEADS, DEPTH]     f32  write  0 where a query sees no key; where SPLITS is 1
//   lse  [BATCH, HEADS, QUERIES]            f32  write  0 where a query sees no key; where SPLITS is 1
//   parts  [BATCH, HEADS, QUERIES, SPLITS, DEPTH + 2]  f32  write  otherwise: sums of weights times v, the largest logit, the sum of weights
//
// Dispatch: THREADS threads per part of the keys of a query and head; grid (QUERIES SPLITS, HEADS, BATCH).
// Params:   HEADS GROUP QUERIES KEYS DEPTH  sizes; GROUP heads of q share one of k and v.
//           Q_OFFSET Q_ROW K_OFFSET K_ROW V_OFFSET V_ROW  where heads lie, in elements.
//           THREADS         threads of a workgroup, and keys at a time.
//           SPLITS BLOCKS   parts of the keys, and how often THREADS keys are in a part.
//           the others      as in scores.wgsl.
// Shared memory is 4 (DEPTH + 2 THREADS) bytes.

@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
#if SPLITS > 1
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;
#else
@group(0) @binding(3) var<storage, read_write> o: array<f32>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
#endif
#include "attention/scores.wgsl"

var<workgroup> query: array<f32, ${DEPTH}>;
var<workgroup> logits: array<f32, ${THREADS}>;
var<workgroup> weights: array<f32, ${THREADS}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let batch = group.z;
  let head = group.y;
  let i = group.x / ${SPLITS}u;
  let split = group.x % ${SPLITS}u;
  let keys = keys_of(batch);
#if IS_CAUSAL
  let reach = min(keys, i + 1u);
#else
  let reach = keys;
#endif
  let q_base = ${Q_OFFSET}u + (batch * ${QUERIES}u + i) * ${Q_ROW}u + head * ${DEPTH}u;
  let k_base = ${K_OFFSET}u + batch * ${KEYS * K_ROW}u + head / ${GROUP}u * ${DEPTH}u;
  let v_base = ${V_OFFSET}u + batch * ${KEYS * V_ROW}u + head / ${GROUP}u * ${DEPTH}u;
  for (var n = 0u; n < ${(DEPTH + THREADS - 1) / THREADS}u; n++) {
    let d = n * ${THREADS}u + thread;
    if (d < ${DEPTH}u) {
      query[d] = q[q_base + d];
    }
  }
  var top = MASKED;
  var total = 0.0;
#for N in 0..(DEPTH + THREADS - 1) / THREADS
  var o${N} = 0.0;
#endfor

  for (var block = 0u; block < ${BLOCKS}u; block++) {
    let start = (split * ${BLOCKS}u + block) * ${THREADS}u;
    if (start >= reach) {
      break;
    }
    workgroupBarrier();
    let j = min(start + thread, ${KEYS - 1}u);
    var product = 0.0;
    for (var d = 0u; d < ${DEPTH}u; d++) {
      product += query[d] * k[k_base + j * ${K_ROW}u + d];
    }
    let own = logit(product, batch, head, i, start + thread, keys);
    logits[thread] = own;
    workgroupBarrier();
    var peak = top;
    for (var n = 0u; n < ${THREADS}u; n++) {
      peak = max(peak, logits[n]);
    }
    // All have read the logits before they become weights.
    workgroupBarrier();
    let p = weight(own, peak);
    logits[thread] = p;
#if HAS_DROPS
    weights[thread] = p * kept(batch, head, i, j);
#else
    weights[thread] = p;
#endif
    workgroupBarrier();
    let shrink = exp(top - peak);
    top = peak;
    total *= shrink;
#for N in 0..(DEPTH + THREADS - 1) / THREADS
    o${N} *= shrink;
#endfor
    for (var n = 0u; n < ${THREADS}u; n++) {
      total += logits[n];
      let row = v_base + min(start + n, ${KEYS - 1}u) * ${V_ROW}u;
      let share = weights[n];
#for N in 0..(DEPTH + THREADS - 1) / THREADS
      o${N} += share * v[row + min(${N * THREADS}u + thread, ${DEPTH - 1}u)];
#endfor
    }
  }

#if SPLITS > 1
  let at = (((batch * ${HEADS}u + head) * ${QUERIES}u + i) * ${SPLITS}u + split) * ${DEPTH + 2}u;
  if (thread == 0u) {
    parts[at + ${DEPTH}u] = top;
    parts[at + ${DEPTH + 1}u] = total;
  }
#else
  let is_seen = total > 0.0;
  let share = select(0.0, 1.0 / total, is_seen);
  if (thread == 0u) {
    lse[(batch * ${HEADS}u + head) * ${QUERIES}u + i] = select(0.0, top + log(total), is_seen);
  }
  let at = ((batch * ${QUERIES}u + i) * ${HEADS}u + head) * ${DEPTH}u;
#endif
#for N in 0..(DEPTH + THREADS - 1) / THREADS
  if (${N * THREADS}u + thread < ${DEPTH}u) {
#if SPLITS > 1
    parts[at + ${N * THREADS}u + thread] = o${N};
#else
    o[at + ${N * THREADS}u + thread] = o${N} * share;
#endif
  }
#endfor
}
