// backward.wgsl: gradient of a recurrent layer, back through time; each workgroup owns ROWS sequences.
//
//   dh = dy + W^T dp of the step after;  dp, the gradient of W h (+ b) at each step, by cell:
//   lstm   dc += dh o (1 - tanh(c)^2); dp = (dc g i(1-i), dc c' f(1-f), dc i (1-g^2), dh tanh(c) o(1-o)); dc = dc f
//   gru    dn = dh (1-z)(1-n^2); dp = (dn p r(1-r), dh (h' - n) z(1-z), dn r), p being W h + b of n; dh += dh z
//   rnn    dp = dh (1 - h^2), or dh where h > 0 for relu
//
//   w       [GATES UNITS, UNITS]         f32  read
//   saved   [BATCH, TIME, PARTS, UNITS]  f32  read   as forward.wgsl writes it; h itself for rnn
//   dx      [BATCH, TIME, GATES UNITS]   f32  write  of x; dp as well, but for gru
//   dstate  [1 or 2, BATCH, UNITS]       f32  read_write  of h and c before the first step
//   prev    [BATCH, TIME, UNITS]         f32  read   h' of gru
//   dp      [BATCH, TIME, GATES UNITS]   f32  write  of gru
//   kept    [groups, KEPT]               f32  read_write  with IS_STORED alone: gradients of h, c and the products of each workgroup
//
// Dispatch: THREADS threads for ROWS rows of the batch; grid (ceil(BATCH / ROWS), 1, 1).
// Params:   BATCH TIME UNITS GATES PARTS  sizes.
//           IS_LSTM IS_GRU IS_RELU  the cell; neither of the first two is rnn.
//           ROWS            rows of a workgroup; with VALUES as rows.wgsl says.
//           THREADS TN      threads of a workgroup, units that one multiplies at a time.
//           KEPT            numbers that a workgroup keeps, in kept or in shared memory as in forward.wgsl.
//           IS_HELD         each thread holds a gate's column of w in registers.
//           IS_SWAPPED      neighbouring threads swap what they read of the slopes, each one row of four, as in forward.wgsl.
//           IS_QUADS        TN and UNITS are multiples of 4, and w is read by fours.
//           START STEPS     the steps of this dispatch, from the last of them back; IS_FIRST where it has the last of all, and
//                           otherwise the gradients come from dstate.
//           the others      as in retreat.wgsl and rows.wgsl.
#if IS_SWAPPED
enable subgroups;
#include "lib/quad.wgsl"
#endif

#if IS_QUADS
@group(0) @binding(0) var<storage, read> w: array<vec4<f32>>;
#else
@group(0) @binding(0) var<storage, read> w: array<f32>;
#endif
@group(0) @binding(1) var<storage, read> saved: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<storage, read_write> dstate: array<f32>;
#if IS_GRU
@group(0) @binding(4) var<storage, read> prev: array<f32>;
@group(0) @binding(5) var<storage, read_write> dp: array<f32>;
#endif
#if IS_STORED
#if IS_GRU
@group(0) @binding(6) var<storage, read_write> kept: array<f32>;
#else
@group(0) @binding(4) var<storage, read_write> kept: array<f32>;
#endif
#endif
#include "recurrent/retreat.wgsl"
#include "recurrent/kept.wgsl"

// With IS_HELD, what each gate adds to the gradient of h.
const ADDED = ${ROWS * (2 + GATES) * UNITS}u;

// The gradient of product i in every row.
fn slope_of(i: u32) -> Values {
  return Values(
#for R in 0..ROWS
    kept[own + PRODUCTS + ${R * GATES * UNITS}u + i],
#endfor
  );
}

// The gradient of h in a slot, complete.
fn dh_of(slot: u32) -> f32 {
  var sum = kept[own + slot];
#if IS_HELD
  let own_row = slot / ${UNITS}u;
#for G in 0..GATES
  sum += kept[own + ADDED + own_row * ${(GATES - 1) * UNITS}u + ${G * UNITS}u + slot];
#endfor
#endif
  return sum;
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
  // Each thread multiplies the slopes of one gate for one unit; those beyond repeat the last.
  let held = min(thread, ${GATES * UNITS - 1}u);
  let held_gate = held / ${UNITS}u * ${UNITS}u;
#for K in 0..UNITS
  let w${K} = w[(held_gate + ${K}u) * ${UNITS}u + held % ${UNITS}u];
#endfor
#endif
  meet();

  for (var s = 0u; s < ${STEPS}u; s++) {
    let step = ${START + STEPS - 1}u - s;
    for (var n = 0u; n < ${(ROWS * UNITS + THREADS - 1) / THREADS}u; n++) {
      let slot = n * ${THREADS}u + thread;
      let place = place_of(group.x, slot, step);
      if (place.is_there) {
#if IS_LSTM
        let after = Slope(dh_of(slot), kept[own + CELL + slot]);
#else
        let after = Slope(dh_of(slot), 0.0);
#endif
        let back = retreat(place.at, place.unit, place.is_valid, after);
#if IS_LSTM
        kept[own + CELL + slot] = back.before.c;
#endif
        kept[own + slot] = back.before.h;
#for G in 0..GATES
        kept[product_at(place, ${G}u)] = back.slopes[${G}];
#endfor
      }
    }
    meet();

#if IS_HELD
    var product0 = Values();
#for K in 0..UNITS
    product0 += w${K} * slope_of(held_gate + ${K}u);
#endfor
    if (thread < ${GATES * UNITS}u) {
#for R in 0..ROWS
      kept[own + ADDED + ${R * GATES * UNITS}u + thread] = in_row${R}(product0);
#endfor
    }
#elif IS_SWAPPED
    for (var n = 0u; n < ${(UNITS + THREADS * TN - 1) / (THREADS * TN)}u; n++) {
      let unit = (n * ${THREADS}u + thread) * ${TN}u;
#for J in 0..TN
#for R in 0..ROWS
      var c${R}_${J} = 0.0;
#endfor
#endfor
#for Q in 0..TN / 4
      let quad${Q} = min(unit + ${4 * Q}u, ${UNITS - 4}u) / 4u;
#endfor
      for (var k = 0u; k < ${GATES * UNITS}u; k++) {
#for R in 0..ROWS / 4
        let s${R} = quad_of(kept[own + PRODUCTS + (${4 * R}u + lane) * ${GATES * UNITS}u + k]);
#endfor
#for Q in 0..TN / 4
        let w${Q} = w[k * ${UNITS / 4}u + quad${Q}];
#endfor
#for J in 0..TN
#for R in 0..ROWS
        c${R}_${J} = fma(w${J / 4}[${J % 4}], s${R / 4}[${R % 4}], c${R}_${J});
#endfor
#endfor
      }
#for J in 0..TN
      if (unit + ${J}u < ${UNITS}u) {
#for R in 0..ROWS
        kept[own + (${R}u ^ lane) * ${UNITS}u + unit + ${J}u] += c${R}_${J};
#endfor
      }
#endfor
    }
#else
    for (var n = 0u; n < ${(UNITS + THREADS * TN - 1) / (THREADS * TN)}u; n++) {
      let unit = (n * ${THREADS}u + thread) * ${TN}u;
#for J in 0..TN
      var product${J} = Values();
#endfor
#if IS_QUADS
#for Q in 0..TN / 4
      let quad${Q} = min(unit + ${4 * Q}u, ${UNITS - 4}u) / 4u;
#endfor
      for (var k = 0u; k < ${GATES * UNITS}u; k++) {
#for Q in 0..TN / 4
        let w${Q} = w[k * ${UNITS / 4}u + quad${Q}];
#endfor
        let slope = slope_of(k);
#for J in 0..TN
        product${J} += w${J / 4}[${J % 4}] * slope;
#endfor
      }
#else
      for (var k = 0u; k < ${GATES * UNITS}u; k++) {
        let slope = slope_of(k);
#for J in 0..TN
        product${J} += w[k * ${UNITS}u + min(unit + ${J}u, ${UNITS - 1}u)] * slope;
#endfor
      }
#endif
#for J in 0..TN
      if (unit + ${J}u < ${UNITS}u) {
#for R in 0..ROWS
        kept[own + ${R * UNITS}u + unit + ${J}u] += in_row${R}(product${J});
#endfor
      }
#endfor
    }
#endif
    meet();
  }

  for (var n = 0u; n < ${(ROWS * UNITS + THREADS - 1) / THREADS}u; n++) {
    let slot = n * ${THREADS}u + thread;
    let i = group.x * ${ROWS * UNITS}u + slot;
    if ((slot < ${ROWS * UNITS}u) & (i < ${BATCH * UNITS}u)) {
      dstate[i] = dh_of(slot);
#if IS_LSTM
      dstate[${BATCH * UNITS}u + i] = kept[own + CELL + slot];
#endif
    }
  }
}
