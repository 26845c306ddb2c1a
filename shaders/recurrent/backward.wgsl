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
//
// Dispatch: THREADS threads for ROWS rows of the batch; grid (ceil(BATCH / ROWS), 1, 1).
// Params:   BATCH TIME UNITS GATES PARTS  sizes.
//           IS_LSTM IS_GRU IS_RELU  the cell; neither of the first two is rnn.
//           ROWS            rows of a workgroup; with VALUES and FLAGS as rows.wgsl says.
//           THREADS TN      threads of a workgroup, units that one multiplies at a time.
//           IS_HELD         each thread holds a gate's column of w in registers.
//           IS_QUADS        TN is 4, UNITS a multiple of it, and w is read by fours.
//           START STEPS     the steps of this dispatch, from the last of them back; IS_FIRST where it has the last of all, and
//                           otherwise the gradients come from dstate.
//           IS_REVERSED     steps went from the last valid position to the first.
//           HAS_Y HAS_LAST HAS_LENGTHS  which of the loads there are.
//           LOAD_DY         fn load_dy(i: u32) -> f32, [BATCH, TIME, UNITS]; zeros without it.
//           LOAD_DLAST      fn load_dlast(i: u32) -> f32, of the shape of dstate; zeros without it.
//           LOAD_LENGTHS    fn load_length(i: u32) -> i32, [BATCH], valid positions of each row; all without it.
// A row took no step beyond its length: dx and dp are 0 there.
#include "recurrent/rows.wgsl"

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
${LOAD_DY}
${LOAD_DLAST}
${LOAD_LENGTHS}

// Gradients of h and c after a step, those of h before they are complete, and those of the products.
var<workgroup> dh: array<Values, ${UNITS}>;
#if IS_LSTM
var<workgroup> dc: array<Values, ${UNITS}>;
#endif
var<workgroup> slopes: array<Values, ${GATES * UNITS}>;
#if IS_HELD
var<workgroup> parts: array<Values, ${GATES * UNITS}>;
#endif

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

fn saved_part(position: u32, part: u32, unit: u32) -> f32 {
  return saved[(position * ${PARTS}u + part) * ${UNITS}u + unit];
}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
#for R in 0..ROWS
  let is_row${R} = group.x * ${ROWS}u + ${R}u < ${BATCH}u;
  let row${R} = min(group.x * ${ROWS}u + ${R}u, ${BATCH - 1}u);
#if HAS_LENGTHS
  let length${R} = u32(clamp(load_length(row${R}), 0i, ${TIME}i));
#else
  let length${R} = ${TIME}u;
#endif
#endfor
  for (var n = 0u; n < ${(UNITS + THREADS - 1) / THREADS}u; n++) {
    let unit = n * ${THREADS}u + thread;
    if (unit < ${UNITS}u) {
      dh[unit] = Values(
#for R in 0..ROWS
        initial(row${R} * ${UNITS}u + unit),
#endfor
      );
#if IS_LSTM
      dc[unit] = Values(
#for R in 0..ROWS
        initial((${BATCH}u + row${R}) * ${UNITS}u + unit),
#endfor
      );
#endif
    }
  }
#if IS_HELD
  // Each thread multiplies the slopes of one gate for one unit; those beyond repeat the last.
  let held = min(thread, ${GATES * UNITS - 1}u);
  let held_gate = held / ${UNITS}u * ${UNITS}u;
#for K in 0..UNITS
  let w${K} = w[(held_gate + ${K}u) * ${UNITS}u + held % ${UNITS}u];
#endfor
  if (thread < ${GATES * UNITS}u) {
    parts[thread] = Values();
  }
#endif
  workgroupBarrier();

  for (var s = 0u; s < ${STEPS}u; s++) {
    let step = ${START + STEPS - 1}u - s;
#for R in 0..ROWS
    let is_valid${R} = step < length${R};
#if IS_REVERSED
    let at${R} = row${R} * ${TIME}u + select(step, length${R} - 1u - step, is_valid${R});
#else
    let at${R} = row${R} * ${TIME}u + step;
#endif
#endfor
    let is_valid = Flags(
#for R in 0..ROWS
      is_valid${R},
#endfor
    );
    for (var n = 0u; n < ${(UNITS + THREADS - 1) / THREADS}u; n++) {
      let unit = n * ${THREADS}u + thread;
      if (unit < ${UNITS}u) {
        var after = dh[unit];
#if IS_HELD
#for G in 0..GATES
        after += parts[${G * UNITS}u + unit];
#endfor
#endif
#if HAS_Y
        let dy = Values(
#for R in 0..ROWS
          load_dy(at${R} * ${UNITS}u + unit),
#endfor
        );
        let d = select(Values(), after + dy, is_valid);
#else
        let d = select(Values(), after, is_valid);
#endif
#for P in 0..PARTS
        let part${P} = Values(
#for R in 0..ROWS
          saved_part(at${R}, ${P}u, unit),
#endfor
        );
#endfor
#if IS_LSTM
        let t = bounded_tanh(part1 * part4 + part0 * part2);
        let behind = dc[unit];
        let e = select(Values(), behind + d * part3 * (1.0 - t * t), is_valid);
        let slope0 = e * part2 * part0 * (1.0 - part0);
        let slope1 = e * part4 * part1 * (1.0 - part1);
        let slope2 = e * part0 * (1.0 - part2 * part2);
        let slope3 = d * t * part3 * (1.0 - part3);
        dc[unit] = select(behind, e * part1, is_valid);
        let direct = Values();
#elif IS_GRU
        let before = Values(
#for R in 0..ROWS
          prev[at${R} * ${UNITS}u + unit],
#endfor
        );
        let dn = d * (1.0 - part1) * (1.0 - part2 * part2);
        let slope0 = dn * part3 * part0 * (1.0 - part0);
        let slope1 = d * (before - part2) * part1 * (1.0 - part1);
        let slope2 = dn * part0;
        let direct = d * part1;
#elif IS_RELU
        let slope0 = select(Values(), d, part0 > Values());
        let direct = Values();
#else
        let slope0 = d * (1.0 - part0 * part0);
        let direct = Values();
#endif
        dh[unit] = select(after, direct, is_valid);
#for G in 0..GATES
        slopes[${G * UNITS}u + unit] = slope${G};
#endfor
#for R in 0..ROWS
        if (is_row${R}) {
          let i = at${R} * ${GATES * UNITS}u + unit;
#for G in 0..GATES
#if IS_GRU
          dp[i + ${G * UNITS}u] = row_of(slope${G}, ${R}u);
#if G == 2
          dx[i + ${G * UNITS}u] = row_of(dn, ${R}u);
#else
          dx[i + ${G * UNITS}u] = row_of(slope${G}, ${R}u);
#endif
#else
          dx[i + ${G * UNITS}u] = row_of(slope${G}, ${R}u);
#endif
#endfor
        }
#endfor
      }
    }
    workgroupBarrier();

#if IS_HELD
    var product = Values();
#for K in 0..UNITS
    product += w${K} * slopes[held_gate + ${K}u];
#endfor
    if (thread < ${GATES * UNITS}u) {
      parts[thread] = product;
    }
#else
    for (var n = 0u; n < ${(UNITS + THREADS * TN - 1) / (THREADS * TN)}u; n++) {
      let unit = (n * ${THREADS}u + thread) * ${TN}u;
#for J in 0..TN
      var product${J} = Values();
#endfor
#if IS_QUADS
      let quad = min(unit, ${UNITS - 4}u) / 4u;
      for (var k = 0u; k < ${GATES * UNITS}u; k++) {
        let quad_w = w[k * ${UNITS / 4}u + quad];
        let slope = slopes[k];
#for J in 0..TN
        product${J} += quad_w[${J}] * slope;
#endfor
      }
#else
      for (var k = 0u; k < ${GATES * UNITS}u; k++) {
        let slope = slopes[k];
#for J in 0..TN
        product${J} += w[k * ${UNITS}u + min(unit + ${J}u, ${UNITS - 1}u)] * slope;
#endfor
      }
#endif
#for J in 0..TN
      if (unit + ${J}u < ${UNITS}u) {
        dh[unit + ${J}u] += product${J};
      }
#endfor
    }
#endif
    workgroupBarrier();
  }

  for (var n = 0u; n < ${(UNITS + THREADS - 1) / THREADS}u; n++) {
    let unit = n * ${THREADS}u + thread;
    if (unit < ${UNITS}u) {
      var before = dh[unit];
#if IS_HELD
#for G in 0..GATES
      before += parts[${G * UNITS}u + unit];
#endfor
#endif
#for R in 0..ROWS
      if (is_row${R}) {
        dstate[row${R} * ${UNITS}u + unit] = row_of(before, ${R}u);
#if IS_LSTM
        dstate[(${BATCH}u + row${R}) * ${UNITS}u + unit] = row_of(dc[unit], ${R}u);
#endif
      }
#endfor
    }
  }
}
