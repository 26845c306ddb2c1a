// kept.wgsl: a workgroup that owns rows of the batch: what it keeps from step to step, and which place in the batch is whose.
//
// Params:   KEPT  numbers of a workgroup; IS_STORED  they lie in the buffer kept, from `own` on, and not in shared memory.
//           BATCH TIME UNITS GATES ROWS THREADS IS_LSTM  as in forward.wgsl.
// First comes h of each row, or its gradient, then a number for each product; c, or its gradient, begins at CELL.

const PRODUCTS = ${ROWS * UNITS}u;
const CELL = ${ROWS * (1 + GATES) * UNITS}u;

#if IS_STORED
var<private> own: u32;
#else
const own = 0u;
var<workgroup> kept: array<f32, ${KEPT}>;
#endif

// All threads of the workgroup see what the others have kept.
fn meet() {
#if IS_STORED
  storageBarrier();
#else
  workgroupBarrier();
#endif
}

// Keeps what there is before the first step of this dispatch; rows beyond the batch repeat the last.
fn take_up(group: u32, thread: u32) {
#if IS_STORED
  own = group * ${KEPT}u;
#endif
  for (var n = 0u; n < ${(ROWS * UNITS + THREADS - 1) / THREADS}u; n++) {
    let slot = n * ${THREADS}u + thread;
    if (slot < ${ROWS * UNITS}u) {
      let i = min(group * ${ROWS * UNITS}u + slot, ${(BATCH - 1) * UNITS}u + slot % ${UNITS}u);
      kept[own + slot] = initial(i);
#if IS_LSTM
      kept[own + CELL + slot] = initial(${BATCH * UNITS}u + i);
#endif
    }
  }
}

// A unit of one of the rows at a step: whether there is such a row, which it is of the workgroup, and where the step stands.
struct Place {
  is_there: bool,
  row: u32,
  unit: u32,
  at: u32,
  is_valid: bool,
}

fn place_of(group: u32, slot: u32, step: u32) -> Place {
  let own_row = slot / ${UNITS}u;
  let row = group * ${ROWS}u + own_row;
  let length = length_of(row);
  let is_there = (slot < ${ROWS * UNITS}u) & (row < ${BATCH}u);
  return Place(is_there, own_row, slot - own_row * ${UNITS}u, position_of(row, step, length), step < length);
}

// Where the product of a gate lies, or its gradient.
fn product_at(place: Place, gate: u32) -> u32 {
  return own + PRODUCTS + (place.row * ${GATES}u + gate) * ${UNITS}u + place.unit;
}
