// lanes.wgsl: sums over the LANES neighbouring threads that share a row; LINES rows are in a workgroup.
//
// Params:   LANES LINES  threads of a row, a power of two; rows of a workgroup.
//           LEVELS       log2(LANES).
// The order of the sum is the same on every device.

#if LANES > 1
var<workgroup> shared_sums: array<vec2<f32>, ${LANES * LINES}>;
#endif

// The sum of `value` over the threads of a row, for each of them. Every thread of the workgroup must come here.
fn row_sum(value: vec2<f32>, thread: u32) -> vec2<f32> {
#if LANES == 1
  return value;
#else
  // What was there has been read by all.
  workgroupBarrier();
  shared_sums[thread] = value;
  var reach = ${LANES}u;
  for (var level = 0u; level < ${LEVELS}u; level++) {
    reach = reach / 2u;
    workgroupBarrier();
    if (thread % ${LANES}u < reach) {
      shared_sums[thread] += shared_sums[thread + reach];
    }
  }
  workgroupBarrier();
  return shared_sums[thread / ${LANES}u * ${LANES}u];
#endif
}
