// grad_tile.wgsl: gradients of attention with tiles in shared memory; a workgroup owns WY TM queries, or as many keys.
//
//   p = e ** (logit - lse);  ds = SCALE p (g . v - dot)
//   of queries: dq[i] = sum_j ds[i, j] k[j];  of keys: dk[j] = sum_i ds[i, j] q[i], dv[j] = sum_i p[i, j] g[i]
//
//   q      [BATCH, QUERIES, Q_ROW]         f32  read   head h at Q_OFFSET + h DEPTH of a row
//   k      [BATCH, KEYS, K_ROW]            f32  read   head h at K_OFFSET + h DEPTH of a row
//   v      [BATCH, KEYS, V_ROW]            f32  read   head h at V_OFFSET + h DEPTH of a row
//   g      [BATCH, QUERIES, HEADS, DEPTH]  f32  read   gradient of o
//   stats  [BATCH, HEADS, QUERIES, 2]      f32  read   lse, and the dot of o and g
//   dq     [BATCH, QUERIES, Q_ROW]         f32  write  laid out as q
//   dk     [BATCH, KEYS, K_ROW]            f32  write  laid out as k
//   dv     [BATCH, KEYS, V_ROW]            f32  write  laid out as v
//   dkv    [BATCH, KEYS, K_ROW]            f32  write  both, where k and v lie in one buffer
//
// Dispatch: WX x WY threads, each TM rows by TN of the other kind; grid (ceil(rows / (WY TM)), HEADS, BATCH), of keys with HEADS /
//           GROUP.
// Params:   OF_KEYS PARTS   gradients of keys and values, two parts; not of queries, one.
//           IS_JOINED       k and v lie in one buffer.
//           HEADS GROUP QUERIES KEYS DEPTH  sizes; GROUP heads of q share one of k and v.
//           Q_OFFSET Q_ROW K_OFFSET K_ROW V_OFFSET V_ROW  where heads lie, in elements.
//           TM TN WX WY     tile of a thread, threads of a workgroup.
//           DC              elements of a head at a time, a multiple of WX. Both WY TM DC and WX TN DC are
//                           multiples of WX WY.
//           the others      as in scores.wgsl.
// Shared memory is 4 (DC (WY TM + 1) + max(DC (WX TN + 1), WX TN (DC + 1)) + WX TN (WY TM + 1)) bytes, of keys the last term twice.
// The odd row lengths spread the banks. Each workgroup adds up its own rows in order: no atomics.

@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read> stats: array<f32>;
#if !OF_KEYS
@group(0) @binding(5) var<storage, read_write> dq: array<f32>;
#elif IS_JOINED
@group(0) @binding(5) var<storage, read_write> dkv: array<f32>;
#else
@group(0) @binding(5) var<storage, read_write> dk: array<f32>;
@group(0) @binding(6) var<storage, read_write> dv: array<f32>;
#endif
#include "attention/scores.wgsl"

// Of the owned rows as [element][row]; of the others as [element][row], then as [row][element]; slopes and weights as [other][own].
var<workgroup> left: array<f32, ${DC * (WY * TM + 1)}>;
#if DC > WX * TN
var<workgroup> right: array<f32, ${DC * (WX * TN + 1)}>;
#else
var<workgroup> right: array<f32, ${WX * TN * (DC + 1)}>;
#endif
var<workgroup> slopes: array<f32, ${WX * TN * (WY * TM + 1)}>;
#if OF_KEYS
var<workgroup> weights: array<f32, ${WX * TN * (WY * TM + 1)}>;
#endif

// Where a row of an operand begins.
fn q_start(batch: u32, head: u32, i: u32) -> u32 {
  return ${Q_OFFSET}u + (batch * ${QUERIES}u + min(i, ${QUERIES - 1}u)) * ${Q_ROW}u + head * ${DEPTH}u;
}
fn g_start(batch: u32, head: u32, i: u32) -> u32 {
  return ((batch * ${QUERIES}u + min(i, ${QUERIES - 1}u)) * ${HEADS}u + head) * ${DEPTH}u;
}
fn k_start(batch: u32, shared_head: u32, j: u32) -> u32 {
  return ${K_OFFSET}u + (batch * ${KEYS}u + min(j, ${KEYS - 1}u)) * ${K_ROW}u + shared_head * ${DEPTH}u;
}
fn v_start(batch: u32, shared_head: u32, j: u32) -> u32 {
  return ${V_OFFSET}u + (batch * ${KEYS}u + min(j, ${KEYS - 1}u)) * ${V_ROW}u + shared_head * ${DEPTH}u;
}

// Element c of the owned rows: in part 0 of q or k, in part 1 of g or v. `row` is one of the rows, by number.
fn own_at(part: u32, batch: u32, head: u32, row: u32, c: u32) -> f32 {
  let e = min(c, ${DEPTH - 1}u);
  var value = 0.0;
#if OF_KEYS
  if (part == 0u) {
    value = k[k_start(batch, head / ${GROUP}u, row) + e];
  } else {
    value = v[v_start(batch, head / ${GROUP}u, row) + e];
  }
#else
  if (part == 0u) {
    value = q[q_start(batch, head, row) + e];
  } else {
    value = g[g_start(batch, head, row) + e];
  }
#endif
  return select(0.0, value, c < ${DEPTH}u);
}

fn other_at(part: u32, batch: u32, head: u32, row: u32, c: u32) -> f32 {
  let e = min(c, ${DEPTH - 1}u);
  var value = 0.0;
#if OF_KEYS
  if (part == 0u) {
    value = q[q_start(batch, head, row) + e];
  } else {
    value = g[g_start(batch, head, row) + e];
  }
#else
  if (part == 0u) {
    value = k[k_start(batch, head / ${GROUP}u, row) + e];
  } else {
    value = v[v_start(batch, head / ${GROUP}u, row) + e];
  }
#endif
  return select(0.0, value, c < ${DEPTH}u);
}

@compute @workgroup_size(${WX}, ${WY})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let batch = group.z;
  let first = group.x * ${WY * TM}u;
  let keys = keys_of(batch);
#for I in 0..TM
  let own${I} = first + local.y + ${I * WY}u;
#for C in 0..(DEPTH + DC - 1) / DC
#for E in 0..DC / WX
  var x${I}_${C}_${E} = 0.0;
#if OF_KEYS
  var y${I}_${C}_${E} = 0.0;
#endif
#endfor
#endfor
#if !OF_KEYS
  let i${I} = min(own${I}, ${QUERIES - 1}u);
  let at${I} = 2u * ((batch * ${HEADS}u + group.y) * ${QUERIES}u + i${I});
  let lse${I} = stats[at${I}];
  let dot${I} = stats[at${I} + 1u];
#endif
#endfor

#if OF_KEYS
  for (var member = 0u; member < ${GROUP}u; member++) {
    let head = group.y * ${GROUP}u + member;
  for (var block = 0u; block < ${(QUERIES + WX * TN - 1) / (WX * TN)}u; block++) {
    let start = block * ${WX * TN}u;
    if (first >= keys) {
      break;
    }
#if IS_CAUSAL
    if (start + ${WX * TN}u <= first) {
      continue;
    }
#endif
#else
  let head = group.y;
  {
  for (var block = 0u; block < ${(KEYS + WX * TN - 1) / (WX * TN)}u; block++) {
    let start = block * ${WX * TN}u;
#if IS_CAUSAL
    if (start >= min(keys, first + ${WY * TM}u)) {
      break;
    }
#else
    if (start >= keys) {
      break;
    }
#endif
#endif
#for PART in 0..2
#for I in 0..TM
#for J in 0..TN
    var s${PART}_${I}_${J} = 0.0;
#endfor
#endfor
    for (var chunk = 0u; chunk < ${(DEPTH + DC - 1) / DC}u; chunk++) {
      // What was there has been read by all before anyone fills it again.
      workgroupBarrier();
      for (var step = 0u; step < ${WY * TM * DC / (WX * WY)}u; step++) {
        let at = step * ${WX * WY}u + thread;
        let c = at % ${DC}u;
        left[c * ${WY * TM + 1}u + at / ${DC}u] = own_at(${PART}u, batch, head, first + at / ${DC}u, chunk * ${DC}u + c);
      }
      for (var step = 0u; step < ${WX * TN * DC / (WX * WY)}u; step++) {
        let at = step * ${WX * WY}u + thread;
        let c = at % ${DC}u;
        right[c * ${WX * TN + 1}u + at / ${DC}u] = other_at(${PART}u, batch, head, start + at / ${DC}u, chunk * ${DC}u + c);
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
        s${PART}_${I}_${J} += a${I} * b${J};
#endfor
#endfor
      }
    }
#endfor
#for J in 0..TN
    let other${J} = start + local.x + ${J * WX}u;
#if OF_KEYS
    let i${J} = min(other${J}, ${QUERIES - 1}u);
    let at${J} = 2u * ((batch * ${HEADS}u + head) * ${QUERIES}u + i${J});
    let lse${J} = stats[at${J}];
    let dot${J} = stats[at${J} + 1u];
#endif
#for I in 0..TM
#if OF_KEYS
    let value${I}_${J} = logit(s0_${I}_${J}, batch, head, i${J}, own${I}, keys);
    // A query beyond the last is no query.
    let p${I}_${J} = select(0.0, weight(value${I}_${J}, lse${J}), other${J} < ${QUERIES}u);
#if HAS_DROPS
    let keep${I}_${J} = kept(batch, head, i${J}, own${I});
    let slope${I}_${J} = ${SCALE} * p${I}_${J} * (s1_${I}_${J} * keep${I}_${J} - dot${J});
    weights[(local.x + ${J * WX}u) * ${WY * TM + 1}u + local.y + ${I * WY}u] = p${I}_${J} * keep${I}_${J};
#else
    let slope${I}_${J} = ${SCALE} * p${I}_${J} * (s1_${I}_${J} - dot${J});
    weights[(local.x + ${J * WX}u) * ${WY * TM + 1}u + local.y + ${I * WY}u] = p${I}_${J};
#endif
#else
    let p${I}_${J} = weight(logit(s0_${I}_${J}, batch, head, i${I}, other${J}, keys), lse${I});
#if HAS_DROPS
    let slope${I}_${J} = ${SCALE} * p${I}_${J} * (s1_${I}_${J} * kept(batch, head, i${I}, other${J}) - dot${I});
#else
    let slope${I}_${J} = ${SCALE} * p${I}_${J} * (s1_${I}_${J} - dot${I});
#endif
#endif
    slopes[(local.x + ${J * WX}u) * ${WY * TM + 1}u + local.y + ${I * WY}u] = slope${I}_${J};
#endfor
#endfor
#for PART in 0..PARTS
#for C in 0..(DEPTH + DC - 1) / DC
    workgroupBarrier();
    for (var step = 0u; step < ${WX * TN * DC / (WX * WY)}u; step++) {
      let at = step * ${WX * WY}u + thread;
      let c = at % ${DC}u;
      right[at / ${DC}u * ${DC + 1}u + c] = other_at(${PART}u, batch, head, start + at / ${DC}u, ${C * DC}u + c);
    }
    workgroupBarrier();
    for (var n = 0u; n < ${WX * TN}u; n++) {
#for I in 0..TM
#if PART == 0
      let p${I} = slopes[n * ${WY * TM + 1}u + local.y + ${I * WY}u];
#else
      let p${I} = weights[n * ${WY * TM + 1}u + local.y + ${I * WY}u];
#endif
#endfor
#for E in 0..DC / WX
      let b${E} = right[n * ${DC + 1}u + local.x + ${E * WX}u];
#for I in 0..TM
#if PART == 0
      x${I}_${C}_${E} += p${I} * b${E};
#else
      y${I}_${C}_${E} += p${I} * b${E};
#endif
#endfor
#endfor
    }
#endfor
#endfor
  }
  }

#for I in 0..TM
#if OF_KEYS
  if (own${I} < ${KEYS}u) {
    let a${I} = k_start(batch, group.y, own${I}) + local.x;
    let b${I} = v_start(batch, group.y, own${I}) + local.x;
#else
  if (own${I} < ${QUERIES}u) {
    let a${I} = q_start(batch, group.y, own${I}) + local.x;
#endif
#for C in 0..(DEPTH + DC - 1) / DC
#for E in 0..DC / WX
    if (${C * DC + E * WX}u + local.x < ${DEPTH}u) {
#if !OF_KEYS
      dq[a${I} + ${C * DC + E * WX}u] = x${I}_${C}_${E};
#elif IS_JOINED
      dkv[a${I} + ${C * DC + E * WX}u] = x${I}_${C}_${E};
      dkv[b${I} + ${C * DC + E * WX}u] = y${I}_${C}_${E};
#else
      dk[a${I} + ${C * DC + E * WX}u] = x${I}_${C}_${E};
      dv[b${I} + ${C * DC + E * WX}u] = y${I}_${C}_${E};
#endif
    }
#endfor
#endfor
  }
#endfor
}
