// lanes.wgsl: reductions by the LANES neighbouring threads that share a row; LINES rows are in a workgroup.
//
// Params:   LANES LINES  threads of a row, a power of two; rows of a workgroup.
//           LEVELS       log2(LANES).
// Before it stand the type Part, and fn meet(a: Part, b: Part) -> Part. The order in which parts meet is the same on every device.

#if LANES > 1
var<workgroup> shared_parts: array<Part, ${LANES * LINES}>;
#endif

// What the parts of all threads of a row come to, for each of them. Every thread of the workgroup must come here.
fn row_total(part: Part, thread: u32) -> Part {
#if LANES == 1
  return part;
#else
  // What was there has been read by all.
  workgroupBarrier();
  shared_parts[thread] = part;
  var reach = ${LANES}u;
  for (var level = 0u; level < ${LEVELS}u; level++) {
    reach = reach / 2u;
    workgroupBarrier();
    if (thread % ${LANES}u < reach) {
      shared_parts[thread] = meet(shared_parts[thread], shared_parts[thread + reach]);
    }
  }
  workgroupBarrier();
  return shared_parts[thread / ${LANES}u * ${LANES}u];
#endif
}
