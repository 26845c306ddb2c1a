// rows.wgsl: what the shaders of recurrent layers share. A workgroup owns ROWS rows of the batch; what it keeps lies row by row.
//
// Params:   VALUES  one number of each row: f32, vec2<f32>, vec4<f32> or, of 8 rows, mat2x4<f32>; BATCH TIME ROWS  sizes.
//           HAS_LENGTHS  rows have lengths; LOAD_LENGTHS  fn load_length(i: u32) -> i32.
//           LOAD_MORE    fn load_more(i: u32) -> f32, where values that other loads read lie end to end, or nothing.
//           IS_REVERSED  steps go from the last valid position to the first.

alias Values = ${VALUES};

#for R in 0..ROWS
fn in_row${R}(values: Values) -> f32 {
#if ROWS == 1
  return values;
#elif ROWS <= 4
  return values[${R}];
#else
  return values[${R / 4}][${R % 4}];
#endif
}
#endfor
${LOAD_LENGTHS}
${LOAD_MORE}

fn sigmoid(x: f32) -> f32 {
  return 1.0 / (1.0 + exp(-clamp(x, -30.0, 30.0)));
}

// tanh itself may overflow beyond.
fn bounded_tanh(x: f32) -> f32 {
  return tanh(clamp(x, -15.0, 15.0));
}

// Valid positions of a row of the batch.
fn length_of(row: u32) -> u32 {
#if HAS_LENGTHS
  return u32(clamp(load_length(min(row, ${BATCH - 1}u)), 0i, ${TIME}i));
#else
  return ${TIME}u;
#endif
}

// Where a row's step stands in [BATCH, TIME]; steps beyond the length stand at the padding.
fn position_of(row: u32, step: u32, length: u32) -> u32 {
#if IS_REVERSED
  return row * ${TIME}u + select(step, length - 1u - step, step < length);
#else
  return row * ${TIME}u + step;
#endif
}
