// advance.wgsl: one unit of a row goes a step on; what the forward shaders of recurrent layers share. See forward.wgsl for the formulas.
//
// Params:   IS_LSTM IS_GRU IS_RELU GATES PARTS UNITS BATCH START  as in forward.wgsl.
//           IS_SAVING HAS_SAVED  prev is written; saved is.
//           HAS_STATE HAS_BIAS  which of the loads there are.
//           LOAD_X          fn load_x(i: u32) -> f32, [BATCH, TIME, GATES UNITS].
//           LOAD_STATE      fn load_state(i: u32) -> f32, of the shape of last; zeros without it.
//           LOAD_BIAS       fn load_bias(i: u32) -> f32, [GATES UNITS], gru alone.
//           EPILOGUE_DECLS  y [BATCH, TIME, UNITS] and fn store_y(i: u32, value: f32).
// A row takes no step beyond its length: its state stays, and y and prev are 0 there.

#include "recurrent/rows.wgsl"
${LOAD_X}
${LOAD_STATE}
${LOAD_BIAS}
${EPILOGUE_DECLS}

// c is that of lstm alone.
struct State {
  h: f32,
  c: f32,
}

// A number for each gate.
alias Gates = array<f32, ${GATES}>;

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

// The state of a unit after the step at a position, by the unit's products W h; writes all that is kept of the step.
fn advance(at: u32, unit: u32, is_valid: bool, products: Gates, before: State) -> State {
#for G in 0..GATES
  let x${G} = load_x((at * ${GATES}u + ${G}u) * ${UNITS}u + unit);
#if HAS_BIAS
  let p${G} = products[${G}] + load_bias(${G * UNITS}u + unit);
#else
  let p${G} = products[${G}];
#endif
#endfor
#if IS_LSTM
  let part0 = sigmoid(x0 + p0);
  let part1 = sigmoid(x1 + p1);
  let part2 = bounded_tanh(x2 + p2);
  let part3 = sigmoid(x3 + p3);
  let part4 = before.c;
  let c = part1 * part4 + part0 * part2;
  let h = part3 * bounded_tanh(c);
#elif IS_GRU
  let part0 = sigmoid(x0 + p0);
  let part1 = sigmoid(x1 + p1);
  let part2 = bounded_tanh(x2 + part0 * p2);
  let part3 = p2;
  let c = 0.0;
  let h = part2 + part1 * (before.h - part2);
#else
#if IS_RELU
  let h = max(x0 + p0, 0.0);
#else
  let h = bounded_tanh(x0 + p0);
#endif
  let c = 0.0;
#endif
  store_y(at * ${UNITS}u + unit, select(0.0, h, is_valid));
#if IS_SAVING
  prev[at * ${UNITS}u + unit] = select(0.0, before.h, is_valid);
#endif
#if HAS_SAVED
#for P in 0..PARTS
  saved[(at * ${PARTS}u + ${P}u) * ${UNITS}u + unit] = part${P};
#endfor
#endif
  return State(select(before.h, h, is_valid), select(before.c, c, is_valid));
}
