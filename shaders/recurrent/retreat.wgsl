// retreat.wgsl: one unit of a row goes a step back; what the backward shaders of recurrent layers share. See backward.wgsl for the formulas.
//
// Params:   IS_LSTM IS_GRU IS_RELU GATES PARTS UNITS BATCH IS_FIRST  as in backward.wgsl.
//           HAS_Y HAS_LAST  which of the loads there are.
//           LOAD_DY         fn load_dy(i: u32) -> f32, [BATCH, TIME, UNITS]; zeros without it.
//           LOAD_DLAST      fn load_dlast(i: u32) -> f32, of the shape of dstate; zeros without it.
// A row took no step beyond its length: dx and dp are 0 there.

#include "recurrent/rows.wgsl"
${LOAD_DY}
${LOAD_DLAST}

// Gradients of h and c; that of c is lstm's alone.
struct Slope {
  h: f32,
  c: f32,
}

// A number for each gate.
alias Gates = array<f32, ${GATES}>;

// What a unit gives back at a step: the gradients of its products, and those of the state before without what comes through the products.
struct Back {
  slopes: Gates,
  before: Slope,
}

// Element i of the gradient of h (or, from BATCH UNITS on, of c) after the last step of this dispatch.
fn initial(i: u32) -> f32 {
#if !IS_FIRST
  return dstate[i];
#elif HAS_LAST
  return load_dlast(i);
#else
  return 0.0;
#endif
}

// The step at a position, by the gradients of the state after it; writes the gradients of x and, of gru, of the products.
fn retreat(at: u32, unit: u32, is_valid: bool, after: Slope) -> Back {
#if HAS_Y
  let d = select(0.0, after.h + load_dy(at * ${UNITS}u + unit), is_valid);
#else
  let d = select(0.0, after.h, is_valid);
#endif
#for P in 0..PARTS
  let part${P} = saved[(at * ${PARTS}u + ${P}u) * ${UNITS}u + unit];
#endfor
#if IS_LSTM
  let t = bounded_tanh(part1 * part4 + part0 * part2);
  let e = select(0.0, after.c + d * part3 * (1.0 - t * t), is_valid);
  let slope0 = e * part2 * part0 * (1.0 - part0);
  let slope1 = e * part4 * part1 * (1.0 - part1);
  let slope2 = e * part0 * (1.0 - part2 * part2);
  let slope3 = d * t * part3 * (1.0 - part3);
  let before = Slope(0.0, e * part1);
#elif IS_GRU
  let dn = d * (1.0 - part1) * (1.0 - part2 * part2);
  let slope0 = dn * part3 * part0 * (1.0 - part0);
  let slope1 = d * (prev[at * ${UNITS}u + unit] - part2) * part1 * (1.0 - part1);
  let slope2 = dn * part0;
  let before = Slope(d * part1, 0.0);
#else
#if IS_RELU
  let slope0 = select(0.0, d, part0 > 0.0);
#else
  let slope0 = d * (1.0 - part0 * part0);
#endif
  let before = Slope();
#endif
#for G in 0..GATES
#if IS_GRU
  dp[(at * ${GATES}u + ${G}u) * ${UNITS}u + unit] = slope${G};
#endif
#if IS_GRU && G == 2
  dx[(at * ${GATES}u + ${G}u) * ${UNITS}u + unit] = dn;
#else
  dx[(at * ${GATES}u + ${G}u) * ${UNITS}u + unit] = slope${G};
#endif
#endfor
  let slopes = Gates(
#for G in 0..GATES
    slope${G},
#endfor
  );
  return Back(slopes, Slope(select(after.h, before.h, is_valid), select(after.c, before.c, is_valid)));
}
