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
//   kept   [groups, KEPT]               f32  read_write  with IS_STORED alone: h, products and c of each workgroup
//
// Dispatch: THREADS threads for ROWS rows of the batch; grid (ceil(BATCH / ROWS), 1, 1).
// Params:   BATCH TIME UNITS GATES PARTS  sizes.
//           IS_LSTM IS_GRU IS_RELU  the cell; neither of the first two is rnn.
//           ROWS            rows of a workgroup; with VALUES as rows.wgsl says.
//           THREADS TN      threads of a workgroup, columns that one multiplies at a time.
//           KEPT            numbers that a workgroup keeps; with IS_STORED they lie in kept, without it in shared memory, which software
//                           adapters fill with zeros at length.
//           IS_HELD         each thread holds a column of w in registers; THREADS is GATES UNITS.
//           IS_SWAPPED      neighbouring threads swap what they read of h, each one row of four; ROWS and THREADS are multiples of 4, and
//                           w is read by fours.
//           IS_QUADS        UNITS is a multiple of 4, and w is read by fours.
//           START STEPS     the steps of this dispatch; where START is not 0, h and c come from last.
//           the others      as in advance.wgsl and rows.wgsl.

#if IS_SWAPPED
enable subgroups;
#include "lib/quad.wgsl"
#endif

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
#if IS_STORED
#if HAS_SAVED
@group(0) @binding(4) var<storage, read_write> kept: array<f32>;
#elif IS_SAVING
@group(0) @binding(3) var<storage, read_write> kept: array<f32>;
#else
@group(0) @binding(2) var<storage, read_write> kept: array<f32>;
#endif
#endif
#include "recurrent/advance.wgsl"
#include "recurrent/kept.wgsl"

// h of a unit in every row.
fn hidden_of(unit: u32) -> Values {
  return Values(
#for R in 0..ROWS
    kept[own + ${R * UNITS}u + unit],
#endfor
  );
}

@compute @workgroup_size(${THREADS})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
#if IS_SWAPPED
  @builtin(subgroup_invocation_id) invocation: u32,
#endif
) {
#if IS_SWAPPED
  let lane = invocation % 4u;
#endif
  take_up(group.x, thread);
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
  meet();

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
      kept[own + PRODUCTS + ${R * GATES * UNITS}u + thread] = in_row${R}(product0);
#endfor
    }
#elif IS_SWAPPED
    for (var n = 0u; n < ${(GATES * UNITS + THREADS * TN - 1) / (THREADS * TN)}u; n++) {
      let column = (n * ${THREADS}u + thread) * ${TN}u;
#for J in 0..TN
      let start${J} = min(column + ${J}u, ${GATES * UNITS - 1}u) * ${UNITS / 4}u;
#for R in 0..ROWS
      var c${R}_${J} = 0.0;
#endfor
#endfor
      for (var k = 0u; k < ${UNITS / 4}u; k++) {
#for E in 0..4
#for R in 0..ROWS / 4
        let h${R}_${E} = quad_of(kept[own + (${4 * R}u + lane) * ${UNITS}u + k * 4u + ${E}u]);
#endfor
#endfor
#for J in 0..TN
        let w${J} = w[start${J} + k];
#for R in 0..ROWS
#for E in 0..4
        c${R}_${J} = fma(w${J}[${E}], h${R / 4}_${E}[${R % 4}], c${R}_${J});
#endfor
#endfor
#endfor
      }
#for J in 0..TN
      if (column + ${J}u < ${GATES * UNITS}u) {
#for R in 0..ROWS
        kept[own + PRODUCTS + (${R}u ^ lane) * ${GATES * UNITS}u + column + ${J}u] = c${R}_${J};
#endfor
      }
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
        kept[own + PRODUCTS + ${R * GATES * UNITS}u + column + ${J}u] = in_row${R}(product${J});
#endfor
      }
#endfor
    }
#endif
    meet();

    let step = ${START}u + s;
    for (var n = 0u; n < ${(ROWS * UNITS + THREADS - 1) / THREADS}u; n++) {
      let slot = n * ${THREADS}u + thread;
      let place = place_of(group.x, slot, step);
      if (place.is_there) {
        let products = Gates(
#for G in 0..GATES
          kept[product_at(place, ${G}u)],
#endfor
        );
#if IS_LSTM
        let before = State(kept[own + slot], kept[own + CELL + slot]);
#else
        let before = State(kept[own + slot], 0.0);
#endif
        let after = advance(place.at, place.unit, place.is_valid, products, before);
#if IS_LSTM
        kept[own + CELL + slot] = after.c;
#endif
        kept[own + slot] = after.h;
      }
    }
    meet();
  }

  for (var n = 0u; n < ${(ROWS * UNITS + THREADS - 1) / THREADS}u; n++) {
    let slot = n * ${THREADS}u + thread;
    let i = group.x * ${ROWS * UNITS}u + slot;
    if ((slot < ${ROWS * UNITS}u) & (i < ${BATCH * UNITS}u)) {
      last[i] = kept[own + slot];
#if IS_LSTM
      last[${BATCH * UNITS}u + i] = kept[own + CELL + slot];
#endif
    }
  }
}
