// forward_tile.wgsl: attention with tiles in shared memory; a workgroup owns WY TM queries.
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
// Dispatch: WX x WY threads, each TM queries by TN keys; grid (ceil(QUERIES / (WY TM)), HEADS, BATCH).
// Params:   HEADS GROUP QUERIES KEYS DEPTH  sizes; GROUP heads of q share one of k and v.
//           Q_OFFSET Q_ROW K_OFFSET K_ROW V_OFFSET V_ROW  where heads lie, in elements.
//           TM TN WX WY     tile of a thread, threads of a workgroup.
//           DC              elements of a head at a time, a multiple of WX. Both WY TM DC and WX TN DC are multiples of
//                           WX WY.
//           the others      as in scores.wgsl.
// Shared memory is 4 (DC (WY TM + 1) + max(DC (WX TN + 1), WX TN (DC + 1)) + WX TN (WY TM + 1) + WX WY TM) bytes. The odd row
// lengths spread the banks. Tiles are zero beyond DEPTH; rows beyond the last repeat it and are not stored.

@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read_write> o: array<f32>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
#include "attention/scores.wgsl"

// Of q as [element][query]; of k as [element][key], then of v as [key][element]; weights as [key][query].
var<workgroup> left: array<f32, ${DC * (WY * TM + 1)}>;
#if DC > WX * TN
var<workgroup> right: array<f32, ${DC * (WX * TN + 1)}>;
#else
var<workgroup> right: array<f32, ${WX * TN * (DC + 1)}>;
#endif
var<workgroup> weights: array<f32, ${WX * TN * (WY * TM + 1)}>;
var<workgroup> peaks: array<f32, ${WX * WY * TM}>;

@compute @workgroup_size(${WX}, ${WY})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let batch = group.z;
  let head = group.y;
  let first = group.x * ${WY * TM}u;
  let keys = keys_of(batch);
#if IS_CAUSAL
  let reach = min(keys, first + ${WY * TM}u);
#else
  let reach = keys;
#endif
  let q_base = ${Q_OFFSET}u + batch * ${QUERIES * Q_ROW}u + head * ${DEPTH}u;
  let k_base = ${K_OFFSET}u + batch * ${KEYS * K_ROW}u + head / ${GROUP}u * ${DEPTH}u;
  let v_base = ${V_OFFSET}u + batch * ${KEYS * V_ROW}u + head / ${GROUP}u * ${DEPTH}u;
#for I in 0..TM
  let m${I} = local.y + ${I * WY}u;
  let i${I} = min(first + m${I}, ${QUERIES - 1}u);
  var top${I} = MASKED;
  var total${I} = 0.0;
#for C in 0..(DEPTH + DC - 1) / DC
#for E in 0..DC / WX
  var o${I}_${C}_${E} = 0.0;
#endfor
#endfor
#endfor

  for (var block = 0u; block < ${(KEYS + WX * TN - 1) / (WX * TN)}u; block++) {
    let start = block * ${WX * TN}u;
    if (start >= reach) {
      break;
    }
#for I in 0..TM
#for J in 0..TN
    var s${I}_${J} = 0.0;
#endfor
#endfor
    for (var chunk = 0u; chunk < ${(DEPTH + DC - 1) / DC}u; chunk++) {
      // What was there has been read by all before anyone fills it again.
      workgroupBarrier();
      for (var step = 0u; step < ${WY * TM * DC / (WX * WY)}u; step++) {
        let at = step * ${WX * WY}u + thread;
        let c = chunk * ${DC}u + at % ${DC}u;
        let row = min(first + at / ${DC}u, ${QUERIES - 1}u);
        let value = q[q_base + row * ${Q_ROW}u + min(c, ${DEPTH - 1}u)];
        left[at % ${DC}u * ${WY * TM + 1}u + at / ${DC}u] = select(0.0, value, c < ${DEPTH}u);
      }
      for (var step = 0u; step < ${WX * TN * DC / (WX * WY)}u; step++) {
        let at = step * ${WX * WY}u + thread;
        let c = chunk * ${DC}u + at % ${DC}u;
        let row = min(start + at / ${DC}u, ${KEYS - 1}u);
        let value = k[k_base + row * ${K_ROW}u + min(c, ${DEPTH - 1}u)];
        right[at % ${DC}u * ${WX * TN + 1}u + at / ${DC}u] = select(0.0, value, c < ${DEPTH}u);
      }
      workgroupBarrier();
      for (var c = 0u; c < ${DC}u; c++) {
#for I in 0..TM
        let a${I} = left[c * ${WY * TM + 1}u + local.y + ${I * WY}u];
#endfor
#for J in 0..TN
        let b${J} = right[c * ${WX * TN + 1}u + local.x + ${J * WX}u];
#endfor
#for I in 0..TM
#for J in 0..TN
        s${I}_${J} += a${I} * b${J};
#endfor
#endfor
      }
    }
#for I in 0..TM
    var peak${I} = top${I};
#for J in 0..TN
    let logit${I}_${J} = logit(s${I}_${J}, batch, head, i${I}, start + local.x + ${J * WX}u, keys);
    peak${I} = max(peak${I}, logit${I}_${J});
#endfor
    peaks[(local.y + ${I * WY}u) * ${WX}u + local.x] = peak${I};
#endfor
    workgroupBarrier();
#for I in 0..TM
#for X in 0..WX
    peak${I} = max(peak${I}, peaks[(local.y + ${I * WY}u) * ${WX}u + ${X}u]);
#endfor
    let shrink${I} = exp(top${I} - peak${I});
    top${I} = peak${I};
    total${I} *= shrink${I};
#for J in 0..TN
    let p${I}_${J} = weight(logit${I}_${J}, peak${I});
    total${I} += p${I}_${J};
#if HAS_DROPS
    let keep${I}_${J} = kept(batch, head, i${I}, start + local.x + ${J * WX}u);
    weights[(local.x + ${J * WX}u) * ${WY * TM + 1}u + local.y + ${I * WY}u] = p${I}_${J} * keep${I}_${J};
#else
    weights[(local.x + ${J * WX}u) * ${WY * TM + 1}u + local.y + ${I * WY}u] = p${I}_${J};
#endif
#endfor
#for C in 0..(DEPTH + DC - 1) / DC
#for E in 0..DC / WX
    o${I}_${C}_${E} *= shrink${I};
#endfor
#endfor
#endfor
#for C in 0..(DEPTH + DC - 1) / DC
    workgroupBarrier();
    for (var step = 0u; step < ${WX * TN * DC / (WX * WY)}u; step++) {
      let at = step * ${WX * WY}u + thread;
      let c = ${C * DC}u + at % ${DC}u;
      let row = min(start + at / ${DC}u, ${KEYS - 1}u);
      let value = v[v_base + row * ${V_ROW}u + min(c, ${DEPTH - 1}u)];
      right[at / ${DC}u * ${DC + 1}u + at % ${DC}u] = select(0.0, value, c < ${DEPTH}u);
    }
    workgroupBarrier();
    for (var j = 0u; j < ${WX * TN}u; j++) {
#for I in 0..TM
      let p${I} = weights[j * ${WY * TM + 1}u + local.y + ${I * WY}u];
#endfor
#for E in 0..DC / WX
      let b${E} = right[j * ${DC + 1}u + local.x + ${E * WX}u];
#for I in 0..TM
      o${I}_${C}_${E} += p${I} * b${E};
#endfor
#endfor
    }
#endfor
  }

  // Each thread has summed up the weights of its own keys.
  workgroupBarrier();
#for I in 0..TM
  peaks[(local.y + ${I * WY}u) * ${WX}u + local.x] = total${I};
#endfor
  workgroupBarrier();
#for I in 0..TM
  var sum${I} = 0.0;
#for X in 0..WX
  sum${I} += peaks[(local.y + ${I * WY}u) * ${WX}u + ${X}u];
#endfor
  if (first + m${I} < ${QUERIES}u) {
    let is_seen = sum${I} > 0.0;
    let share = select(0.0, 1.0 / sum${I}, is_seen);
    if (local.x == 0u) {
      lse[(batch * ${HEADS}u + head) * ${QUERIES}u + i${I}] = select(0.0, top${I} + log(sum${I}), is_seen);
    }
    let at = ((batch * ${QUERIES}u + i${I}) * ${HEADS}u + head) * ${DEPTH}u;
#for C in 0..(DEPTH + DC - 1) / DC
#for E in 0..DC / WX
    if (${C * DC + E * WX}u + local.x < ${DEPTH}u) {
      o[at + ${C * DC + E * WX}u + local.x] = o${I}_${C}_${E} * share;
    }
#endfor
#endfor
  }
#endfor
}
