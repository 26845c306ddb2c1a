// forward_rows.wgsl: attention from registers, without shared memory; a thread owns TM queries.
//
//   o[b, i, h] = sum_j softmax_j(logit(q[b, i, h] . k[b, j, h / GROUP])) v[b, j, h / GROUP]
//   lse[b, h, i] = log sum_j e ** logit
//
//   q    [BATCH, QUERIES, Q_ROW]            f32  read   head h at Q_OFFSET + h DEPTH of a row
//   k    [BATCH, KEYS, K_ROW]               f32  read   head h at K_OFFSET + h DEPTH of a row
//   v    [BATCH, KEYS, V_ROW]               f32  read   head h at V_OFFSET + h DEPTH of a row
//   o    [BATCH, QUERIES, HEADS, DEPTH]     f32  write  0 where a query sees no key
//   lse  [BATCH, HEADS, QUERIES]            f32  write  0 where a query sees no key
//
// Dispatch: THREADS threads; grid (ceil(QUERIES / (THREADS TM)), HEADS, BATCH).
// Params:   HEADS GROUP QUERIES KEYS DEPTH  sizes; GROUP heads of q share one of k and v.
//           Q_OFFSET Q_ROW K_OFFSET K_ROW V_OFFSET V_ROW  where heads lie, in elements.
//           IS_QUADS        DEPTH is a multiple of 4.
//           IS_UNROLLED COPIES  the loops over a head are written out, COPIES = ceil(DEPTH / 4) times; otherwise COPIES is 1.
//           TM TN THREADS   queries of a thread, keys at a time, threads of a workgroup.
//           the others      as in scores.wgsl.
// The softmax is summed up as keys come (Milakov and Gimelshein 2018): nothing of the size QUERIES x KEYS is stored.

#if IS_QUADS
@group(0) @binding(0) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> o: array<vec4<f32>>;
#else
@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read_write> o: array<f32>;
#endif
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
#include "attention/scores.wgsl"
#include "attention/operands.wgsl"

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let batch = group.z;
  let head = group.y;
  let first = (group.x * ${THREADS}u + thread) * ${TM}u;
  if (first >= ${QUERIES}u) {
    return;
  }
  let keys = keys_of(batch);
#if IS_CAUSAL
  let reach = min(keys, first + ${TM}u);
#else
  let reach = keys;
#endif
#for I in 0..TM
  let i${I} = min(first + ${I}u, ${QUERIES - 1}u);
  let q${I} = ${Q_OFFSET}u + (batch * ${QUERIES}u + i${I}) * ${Q_ROW}u + head * ${DEPTH}u;
  var top${I} = MASKED;
  var total${I} = 0.0;
  var own${I}: array<vec4<f32>, ${(DEPTH + 3) / 4}>;
  var o${I}: array<vec4<f32>, ${(DEPTH + 3) / 4}>;
#endfor
#for C in 0..COPIES
#if IS_UNROLLED
  {
    const c = ${C}u;
#else
  for (var c = 0u; c < ${(DEPTH + 3) / 4}u; c++) {
#endif
#for I in 0..TM
    own${I}[c] = q_quad(q${I}, c);
#endfor
  }
#endfor

  for (var block = 0u; block < ${(KEYS + TN - 1) / TN}u; block++) {
    let start = block * ${TN}u;
    if (start >= reach) {
      break;
    }
#for J in 0..TN
    let row${J} = batch * ${KEYS}u + min(start + ${J}u, ${KEYS - 1}u);
    let k${J} = ${K_OFFSET}u + row${J} * ${K_ROW}u + head / ${GROUP}u * ${DEPTH}u;
    let v${J} = ${V_OFFSET}u + row${J} * ${V_ROW}u + head / ${GROUP}u * ${DEPTH}u;
#for I in 0..TM
    var s${I}_${J} = 0.0;
#endfor
#endfor
#for C in 0..COPIES
#if IS_UNROLLED
    {
      const c = ${C}u;
#else
    for (var c = 0u; c < ${(DEPTH + 3) / 4}u; c++) {
#endif
#for J in 0..TN
      let b${J} = k_quad(k${J}, c);
#for I in 0..TM
      s${I}_${J} += dot(own${I}[c], b${J});
#endfor
#endfor
    }
#endfor
#for I in 0..TM
    var peak${I} = top${I};
#for J in 0..TN
    let logit${I}_${J} = logit(s${I}_${J}, batch, head, i${I}, start + ${J}u, keys);
    peak${I} = max(peak${I}, logit${I}_${J});
#endfor
    let shrink${I} = exp(top${I} - peak${I});
    top${I} = peak${I};
    total${I} *= shrink${I};
#for J in 0..TN
    var p${I}_${J} = weight(logit${I}_${J}, peak${I});
    total${I} += p${I}_${J};
#if HAS_DROPS
    p${I}_${J} *= kept(batch, head, i${I}, start + ${J}u);
#endif
#endfor
#endfor
#for C in 0..COPIES
#if IS_UNROLLED
    {
      const c = ${C}u;
#else
    for (var c = 0u; c < ${(DEPTH + 3) / 4}u; c++) {
#endif
#for J in 0..TN
      let b${J} = v_quad(v${J}, c);
#endfor
#for I in 0..TM
      var sum${I} = o${I}[c] * shrink${I};
#for J in 0..TN
      sum${I} += p${I}_${J} * b${J};
#endfor
      o${I}[c] = sum${I};
#endfor
    }
#endfor
  }

#for I in 0..TM
  if (first + ${I}u < ${QUERIES}u) {
    let is_seen = total${I} > 0.0;
    let share = select(0.0, 1.0 / total${I}, is_seen);
    lse[(batch * ${HEADS}u + head) * ${QUERIES}u + i${I}] = select(0.0, top${I} + log(total${I}), is_seen);
    let at = ((batch * ${QUERIES}u + i${I}) * ${HEADS}u + head) * ${DEPTH}u;
#for C in 0..COPIES
#if IS_UNROLLED
    {
      const c = ${C}u;
#else
    for (var c = 0u; c < ${(DEPTH + 3) / 4}u; c++) {
#endif
      let value = o${I}[c] * share;
#if IS_QUADS
      o[at / 4u + c] = value;
#else
#for E in 0..4
      if (4u * c + ${E}u < ${DEPTH}u) {
        o[at + 4u * c + ${E}u] = value[${E}];
      }
#endfor
#endif
    }
#endfor
  }
#endfor
}
