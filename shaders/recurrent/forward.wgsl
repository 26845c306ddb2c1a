// forward.wgsl: a recurrent layer over a whole sequence in one direction; each workgroup owns ROWS sequences.
//
//   lstm   i, f, o = sigmoid(x + W h), g = tanh(x + W h);  c = f c + i g;  h = o tanh(c)
//   gru    r, z = sigmoid(x + W h + b), n = tanh(x + r (W h + b));  h = n + z (h - n)
//   rnn    h = tanh or relu(x + W h)
//
//   w      [GATES UNITS, UNITS]         f32  read
//   last   [1 or 2, BATCH, UNITS]       f32  read_write  h, and c of lstm, after the last step
//   prev   [BATCH, TIME, UNITS]         f32  write  h before each step
//   saved  [BATCH, TIME, PARTS, UNITS]  f32  write  lstm: i, f, g, o, c before; gru: r, z, n, W h + b of n
//
// Dispatch: THREADS threads for ROWS rows of the batch; grid (ceil(BATCH / ROWS), 1, 1).
// Params:   BATCH TIME UNITS GATES PARTS  sizes.
//           IS_LSTM IS_GRU IS_RELU  the cell; neither of the first two is rnn.
//           ROWS            rows of a workgroup; with VALUES as rows.wgsl says.
//           THREADS TN      threads of a workgroup, columns that one multiplies at a time.
//           IS_HELD         each thread holds a column of w in registers; THREADS is GATES UNITS.
//           IS_QUADS        UNITS is a multiple of 4, and w is read by fours.
//           START STEPS     the steps of this dispatch; where START is not 0, h and c come from last.
//           IS_REVERSED     steps go from the last valid position to the first.
//           IS_SAVING HAS_SAVED  prev is written; saved is.
//           HAS_STATE HAS_BIAS HAS_LENGTHS  which of the loads there are.
//           LOAD_X          fn load_x(i: u32) -> f32, [BATCH, TIME, GATES UNITS].
//           LOAD_STATE      fn load_state(i: u32) -> f32, of the shape of last; zeros without it.
//           LOAD_BIAS       fn load_bias(i: u32) -> f32, [GATES UNITS], gru alone.
//           LOAD_LENGTHS    valid positions of each row, [BATCH], as rows.wgsl says; all without it.
//           EPILOGUE_DECLS  y [BATCH, TIME, UNITS] and fn store_y(i: u32, value: f32).
// A row takes no step beyond its length: its state stays, and y and prev are 0 there.

#include "recurrent/rows.wgsl"

#if IS_QUADS
@group(0) @binding(0) var<storage, read> w: array<vec4<f32>>;
#else
@group(0) @binding(0) var<storage, read> w: array<f32>;
#endif
@group(0) @binding(1) var<storage, read_write> last: array<f32>;
#if IS_SAVING
@group(0) @binding(2) var<storage, read_write> prev: array<f32>;
#endif
#if HAS_SAVED
@group(0) @binding(3) var<storage, read_write> saved: array<f32>;
#endif
${LOAD_X}
${LOAD_STATE}
${LOAD_BIAS}
${EPILOGUE_DECLS}

var<workgroup> hidden: array<f32, ${ROWS * UNITS}>;
var<workgroup> products: array<f32, ${ROWS * GATES * UNITS}>;
#if IS_LSTM
var<workgroup> cell: array<f32, ${ROWS * UNITS}>;
#endif

// Element i of h (or, from BATCH UNITS on, of c) before the first step of this dispatch.
fn initial(i: u32) -> f32 {
#if START > 0
  return last[i];
#elif HAS_STATE
  return load_state(i);
#else
  return 0.0;
#endif
}

// h of a unit in every row.
fn hidden_of(unit: u32) -> Values {
  return Values(
#for R in 0..ROWS
    hidden[${R * UNITS}u + unit],
#endfor
  );
}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  for (var n = 0u; n < ${(ROWS * UNITS + THREADS - 1) / THREADS}u; n++) {
    let slot = n * ${THREADS}u + thread;
    if (slot < ${ROWS * UNITS}u) {
      let i = min(group.x * ${ROWS * UNITS}u + slot, ${(BATCH - 1) * UNITS}u + slot % ${UNITS}u);
      hidden[slot] = initial(i);
#if IS_LSTM
      cell[slot] = initial(${BATCH * UNITS}u + i);
#endif
    }
  }
#if IS_HELD
  // Threads beyond the last column repeat it.
  let held = min(thread, ${GATES * UNITS - 1}u);
#if IS_QUADS
#for K in 0..UNITS / 4
  let w${K} = w[held * ${UNITS / 4}u + ${K}u];
#endfor
#else
#for K in 0..UNITS
  let w${K} = w[held * ${UNITS}u + ${K}u];
#endfor
#endif
#endif
  workgroupBarrier();

  for (var s = 0u; s < ${STEPS}u; s++) {
#if IS_HELD
    var product0 = Values();
#if IS_QUADS
#for K in 0..UNITS / 4
    product0 += w${K}.x * hidden_of(${4 * K}u) + w${K}.y * hidden_of(${4 * K + 1}u);
    product0 += w${K}.z * hidden_of(${4 * K + 2}u) + w${K}.w * hidden_of(${4 * K + 3}u);
#endfor
#else
#for K in 0..UNITS
    product0 += w${K} * hidden_of(${K}u);
#endfor
#endif
    if (thread < ${GATES * UNITS}u) {
#for R in 0..ROWS
#if ROWS == 1
      products[${R * GATES * UNITS}u + thread] = product0;
#else
      products[${R * GATES * UNITS}u + thread] = product0[${R}];
#endif
#endfor
    }
#else
    for (var n = 0u; n < ${(GATES * UNITS + THREADS * TN - 1) / (THREADS * TN)}u; n++) {
      let column = (n * ${THREADS}u + thread) * ${TN}u;
#for J in 0..TN
      let start${J} = min(column + ${J}u, ${GATES * UNITS - 1}u) * ${UNITS}u;
      var product${J} = Values();
#endfor
#if IS_QUADS
      for (var k = 0u; k < ${UNITS / 4}u; k++) {
#for E in 0..4
        let h${E} = hidden_of(k * 4u + ${E}u);
#endfor
#for J in 0..TN
        let w${J} = w[start${J} / 4u + k];
        product${J} += w${J}.x * h0 + w${J}.y * h1 + w${J}.z * h2 + w${J}.w * h3;
#endfor
      }
#else
      for (var k = 0u; k < ${UNITS}u; k++) {
        let h = hidden_of(k);
#for J in 0..TN
        product${J} += w[start${J} + k] * h;
#endfor
      }
#endif
#for J in 0..TN
      if (column + ${J}u < ${GATES * UNITS}u) {
#for R in 0..ROWS
#if ROWS == 1
        products[${R * GATES * UNITS}u + column + ${J}u] = product${J};
#else
        products[${R * GATES * UNITS}u + column + ${J}u] = product${J}[${R}];
#endif
#endfor
      }
#endfor
    }
#endif
    workgroupBarrier();

    let step = ${START}u + s;
    for (var n = 0u; n < ${(ROWS * UNITS + THREADS - 1) / THREADS}u; n++) {
      let slot = n * ${THREADS}u + thread;
      let own = slot / ${UNITS}u;
      let row = group.x * ${ROWS}u + own;
      if ((slot < ${ROWS * UNITS}u) & (row < ${BATCH}u)) {
        let unit = slot - own * ${UNITS}u;
        let length = length_of(row);
        let is_valid = step < length;
        let at = position_of(row, step, length);
        let before = hidden[slot];
#for G in 0..GATES
        let x${G} = load_x((at * ${GATES}u + ${G}u) * ${UNITS}u + unit);
#if HAS_BIAS
        let p${G} = products[(own * ${GATES}u + ${G}u) * ${UNITS}u + unit] + load_bias(${G * UNITS}u + unit);
#else
        let p${G} = products[(own * ${GATES}u + ${G}u) * ${UNITS}u + unit];
#endif
#endfor
#if IS_LSTM
        let part0 = sigmoid(x0 + p0);
        let part1 = sigmoid(x1 + p1);
        let part2 = bounded_tanh(x2 + p2);
        let part3 = sigmoid(x3 + p3);
        let part4 = cell[slot];
        let c = part1 * part4 + part0 * part2;
        let h = part3 * bounded_tanh(c);
        cell[slot] = select(part4, c, is_valid);
#elif IS_GRU
        let part0 = sigmoid(x0 + p0);
        let part1 = sigmoid(x1 + p1);
        let part2 = bounded_tanh(x2 + part0 * p2);
        let part3 = p2;
        let h = part2 + part1 * (before - part2);
#elif IS_RELU
        let h = max(x0 + p0, 0.0);
#else
        let h = bounded_tanh(x0 + p0);
#endif
        hidden[slot] = select(before, h, is_valid);
        store_y(at * ${UNITS}u + unit, select(0.0, h, is_valid));
#if IS_SAVING
        prev[at * ${UNITS}u + unit] = select(0.0, before, is_valid);
#endif
#if HAS_SAVED
#for P in 0..PARTS
        saved[(at * ${PARTS}u + ${P}u) * ${UNITS}u + unit] = part${P};
#endfor
#endif
      }
    }
    workgroupBarrier();
  }

  for (var n = 0u; n < ${(ROWS * UNITS + THREADS - 1) / THREADS}u; n++) {
    let slot = n * ${THREADS}u + thread;
    let i = group.x * ${ROWS * UNITS}u + slot;
    if ((slot < ${ROWS * UNITS}u) & (i < ${BATCH * UNITS}u)) {
      last[i] = hidden[slot];
#if IS_LSTM
      last[${BATCH * UNITS}u + i] = cell[slot];
#endif
    }
  }
}
