// rows.wgsl: one number of each of the ROWS sequences of a workgroup, as f32, vec2 or vec4.
//
// Params:   VALUES  f32, vec2<f32> or vec4<f32>; FLAGS  bool, vec2<bool> or vec4<bool>; ROWS  1, 2 or 4.

alias Values = ${VALUES};
alias Flags = ${FLAGS};

fn sigmoid(x: Values) -> Values {
  return 1.0 / (1.0 + exp(-clamp(x, Values(-30.0), Values(30.0))));
}

// tanh itself may overflow beyond.
fn bounded_tanh(x: Values) -> Values {
  return tanh(clamp(x, Values(-15.0), Values(15.0)));
}

fn row_of(values: Values, row: u32) -> f32 {
#if ROWS == 1
  return values;
#else
  return values[row];
#endif
}
