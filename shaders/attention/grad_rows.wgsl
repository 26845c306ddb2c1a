// grad_rows.wgsl: gradients of attention from registers, without shared memory; a thread owns TM queries, or TM keys.
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
// Dispatch: THREADS threads; grid (ceil(rows / (THREADS TM)), HEADS, BATCH), of keys with HEADS / GROUP.
// Params:   OF_KEYS         gradients of keys and values, not of queries.
//           IS_JOINED       k and v lie in one buffer.
//           HEADS GROUP QUERIES KEYS DEPTH  sizes; GROUP heads of q share one of k and v.
//           Q_OFFSET Q_ROW K_OFFSET K_ROW V_OFFSET V_ROW  where heads lie, in elements.
//           IS_QUADS        DEPTH is a multiple of 4.
//           IS_UNROLLED COPIES  the loops over a head are written out, COPIES = ceil(DEPTH / 4) times; otherwise COPIES is 1.
//           TM TN THREADS   rows of a thread, rows of the other kind at a time, threads of a workgroup.
//           the others      as in scores.wgsl.
// Each thread adds up its own rows in order: no atomics.

#if IS_QUADS
@group(0) @binding(0) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> g: array<vec4<f32>>;
#else
@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
#endif
@group(0) @binding(4) var<storage, read> stats: array<f32>;
#if !OF_KEYS
#if IS_QUADS
@group(0) @binding(5) var<storage, read_write> dq: array<vec4<f32>>;
#else
@group(0) @binding(5) var<storage, read_write> dq: array<f32>;
#endif
#elif IS_JOINED
#if IS_QUADS
@group(0) @binding(5) var<storage, read_write> dkv: array<vec4<f32>>;
#else
@group(0) @binding(5) var<storage, read_write> dkv: array<f32>;
#endif
#elif IS_QUADS
@group(0) @binding(5) var<storage, read_write> dk: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dv: array<vec4<f32>>;
#else
@group(0) @binding(5) var<storage, read_write> dk: array<f32>;
@group(0) @binding(6) var<storage, read_write> dv: array<f32>;
#endif
#include "attention/scores.wgsl"
#include "attention/operands.wgsl"

fn g_quad(start: u32, c: u32) -> vec4<f32> {
#if IS_QUADS
  return g[start / 4u + c];
#else
  let at = vec4<u32>(0u, 1u, 2u, 3u) + 4u * c;
  let i = min(at, vec4<u32>(${DEPTH - 1}u)) + start;
  return select(vec4<f32>(), vec4<f32>(g[i.x], g[i.y], g[i.z], g[i.w]), at < vec4<u32>(${DEPTH}u));
#endif
}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let batch = group.z;
  let first = (group.x * ${THREADS}u + thread) * ${TM}u;
#if OF_KEYS
  if (first >= ${KEYS}u) {
    return;
  }
  let shared_head = group.y;
#else
  if (first >= ${QUERIES}u) {
    return;
  }
  let shared_head = group.y / ${GROUP}u;
#endif
  let keys = keys_of(batch);
#for I in 0..TM
  var left${I}: array<vec4<f32>, ${(DEPTH + 3) / 4}>;
  var down${I}: array<vec4<f32>, ${(DEPTH + 3) / 4}>;
  var x${I}: array<vec4<f32>, ${(DEPTH + 3) / 4}>;
#if OF_KEYS
  var y${I}: array<vec4<f32>, ${(DEPTH + 3) / 4}>;
#endif
#if OF_KEYS
  let j${I} = first + ${I}u;
  let row${I} = batch * ${KEYS}u + min(j${I}, ${KEYS - 1}u);
  let a${I} = ${K_OFFSET}u + row${I} * ${K_ROW}u + shared_head * ${DEPTH}u;
  let b${I} = ${V_OFFSET}u + row${I} * ${V_ROW}u + shared_head * ${DEPTH}u;
#else
  let i${I} = min(first + ${I}u, ${QUERIES - 1}u);
  let row${I} = batch * ${QUERIES}u + i${I};
  let a${I} = ${Q_OFFSET}u + row${I} * ${Q_ROW}u + group.y * ${DEPTH}u;
  let b${I} = (row${I} * ${HEADS}u + group.y) * ${DEPTH}u;
  let at${I} = 2u * ((batch * ${HEADS}u + group.y) * ${QUERIES}u + i${I});
  let lse${I} = stats[at${I}];
  let dot${I} = stats[at${I} + 1u];
#endif
#endfor
#for J in 0..TN
  var right${J}: array<vec4<f32>, ${(DEPTH + 3) / 4}>;
#if OF_KEYS
  var up${J}: array<vec4<f32>, ${(DEPTH + 3) / 4}>;
#endif
#endfor
#for C in 0..COPIES
#if IS_UNROLLED
  {
    const c = ${C}u;
#else
  for (var c = 0u; c < ${(DEPTH + 3) / 4}u; c++) {
#endif
#for I in 0..TM
#if OF_KEYS
    left${I}[c] = k_quad(a${I}, c);
    down${I}[c] = v_quad(b${I}, c);
#else
    left${I}[c] = q_quad(a${I}, c);
    down${I}[c] = g_quad(b${I}, c);
#endif
#endfor
  }
#endfor

#if OF_KEYS
  for (var member = 0u; member < ${GROUP}u; member++) {
    let head = group.y * ${GROUP}u + member;
  for (var block = 0u; block < ${(QUERIES + TN - 1) / TN}u; block++) {
    let start = block * ${TN}u;
    if (first >= keys) {
      break;
    }
#if IS_CAUSAL
    if (start + ${TN}u <= first) {
      continue;
    }
#endif
#for J in 0..TN
    let i${J} = min(start + ${J}u, ${QUERIES - 1}u);
    let c${J} = ${Q_OFFSET}u + (batch * ${QUERIES}u + i${J}) * ${Q_ROW}u + head * ${DEPTH}u;
    let d${J} = ((batch * ${QUERIES}u + i${J}) * ${HEADS}u + head) * ${DEPTH}u;
    let at${J} = 2u * ((batch * ${HEADS}u + head) * ${QUERIES}u + i${J});
    let lse${J} = stats[at${J}];
    let dot${J} = stats[at${J} + 1u];
#endfor
#else
  let head = group.y;
  {
  for (var block = 0u; block < ${(KEYS + TN - 1) / TN}u; block++) {
    let start = block * ${TN}u;
#if IS_CAUSAL
    if (start >= min(keys, first + ${TM}u)) {
      break;
    }
#else
    if (start >= keys) {
      break;
    }
#endif
#for J in 0..TN
    let j${J} = start + ${J}u;
    let other${J} = batch * ${KEYS}u + min(j${J}, ${KEYS - 1}u);
    let c${J} = ${K_OFFSET}u + other${J} * ${K_ROW}u + shared_head * ${DEPTH}u;
    let d${J} = ${V_OFFSET}u + other${J} * ${V_ROW}u + shared_head * ${DEPTH}u;
#endfor
#endif
#for I in 0..TM
#for J in 0..TN
    var s${I}_${J} = 0.0;
    var t${I}_${J} = 0.0;
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
#if OF_KEYS
      right${J}[c] = q_quad(c${J}, c);
      let up_now${J} = g_quad(d${J}, c);
      up${J}[c] = up_now${J};
#else
      right${J}[c] = k_quad(c${J}, c);
      let up_now${J} = v_quad(d${J}, c);
#endif
#for I in 0..TM
      s${I}_${J} += dot(left${I}[c], right${J}[c]);
      t${I}_${J} += dot(down${I}[c], up_now${J});
#endfor
#endfor
    }
#endfor
#for I in 0..TM
#for J in 0..TN
#if OF_KEYS
    let value${I}_${J} = logit(s${I}_${J}, batch, head, i${J}, j${I}, keys);
    // A query beyond the last is no query.
    let p${I}_${J} = select(0.0, weight(value${I}_${J}, lse${J}), start + ${J}u < ${QUERIES}u);
#if HAS_DROPS
    let keep${I}_${J} = kept(batch, head, i${J}, j${I});
    let slope${I}_${J} = ${SCALE} * p${I}_${J} * (t${I}_${J} * keep${I}_${J} - dot${J});
    let share${I}_${J} = p${I}_${J} * keep${I}_${J};
#else
    let slope${I}_${J} = ${SCALE} * p${I}_${J} * (t${I}_${J} - dot${J});
    let share${I}_${J} = p${I}_${J};
#endif
#else
    let p${I}_${J} = weight(logit(s${I}_${J}, batch, head, i${I}, j${J}, keys), lse${I});
#if HAS_DROPS
    let slope${I}_${J} = ${SCALE} * p${I}_${J} * (t${I}_${J} * kept(batch, head, i${I}, j${J}) - dot${I});
#else
    let slope${I}_${J} = ${SCALE} * p${I}_${J} * (t${I}_${J} - dot${I});
#endif
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
#for I in 0..TM
      var x_sum${I} = x${I}[c];
#for J in 0..TN
      x_sum${I} += slope${I}_${J} * right${J}[c];
#endfor
      x${I}[c] = x_sum${I};
#if OF_KEYS
      var y_sum${I} = y${I}[c];
#for J in 0..TN
      y_sum${I} += share${I}_${J} * up${J}[c];
#endfor
      y${I}[c] = y_sum${I};
#endif
#endfor
    }
#endfor
  }
  }

#for I in 0..TM
#if OF_KEYS
  if (j${I} < ${KEYS}u) {
#else
  if (first + ${I}u < ${QUERIES}u) {
#endif
#for C in 0..COPIES
#if IS_UNROLLED
    {
      const c = ${C}u;
#else
    for (var c = 0u; c < ${(DEPTH + 3) / 4}u; c++) {
#endif
      let x_value = x${I}[c];
#if OF_KEYS
      let y_value = y${I}[c];
#endif
#if IS_QUADS
#if !OF_KEYS
      dq[a${I} / 4u + c] = x_value;
#elif IS_JOINED
      dkv[a${I} / 4u + c] = x_value;
      dkv[b${I} / 4u + c] = y_value;
#else
      dk[a${I} / 4u + c] = x_value;
      dv[b${I} / 4u + c] = y_value;
#endif
#else
#for E in 0..4
      if (4u * c + ${E}u < ${DEPTH}u) {
#if !OF_KEYS
        dq[a${I} + 4u * c + ${E}u] = x_value[${E}];
#elif IS_JOINED
        dkv[a${I} + 4u * c + ${E}u] = x_value[${E}];
        dkv[b${I} + 4u * c + ${E}u] = y_value[${E}];
#else
        dk[a${I} + 4u * c + ${E}u] = x_value[${E}];
        dv[b${I} + 4u * c + ${E}u] = y_value[${E}];
#endif
      }
#endfor
#endif
    }
#endfor
  }
#endfor
}
