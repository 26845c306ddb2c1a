// kept.wgsl: where a workgroup that owns rows of the batch keeps what it needs from step to step.
//
// Params:   KEPT  numbers of a workgroup; IS_STORED  they lie in the buffer kept, from `own` on, and not in shared memory.

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
