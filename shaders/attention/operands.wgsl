// operands.wgsl: elements 4 c to 4 c + 3 of a head of q, k and v, zero beyond its DEPTH.
//
// Params:   DEPTH    elements of a head.
//           IS_QUADS DEPTH and with it every start of a head is a multiple of 4, and the buffers are read by fours.

#for OPERAND in 0..3
#if OPERAND == 0
fn q_quad(start: u32, c: u32) -> vec4<f32> {
#elif OPERAND == 1
fn k_quad(start: u32, c: u32) -> vec4<f32> {
#else
fn v_quad(start: u32, c: u32) -> vec4<f32> {
#endif
#if !IS_QUADS
  let at = vec4<u32>(0u, 1u, 2u, 3u) + 4u * c;
  let is_inside = at < vec4<u32>(${DEPTH}u);
  let i = min(at, vec4<u32>(${DEPTH - 1}u)) + start;
#endif
#if OPERAND == 0 && IS_QUADS
  return q[start / 4u + c];
#elif OPERAND == 1 && IS_QUADS
  return k[start / 4u + c];
#elif IS_QUADS
  return v[start / 4u + c];
#elif OPERAND == 0
  return select(vec4<f32>(), vec4<f32>(q[i.x], q[i.y], q[i.z], q[i.w]), is_inside);
#elif OPERAND == 1
  return select(vec4<f32>(), vec4<f32>(k[i.x], k[i.y], k[i.z], k[i.w]), is_inside);
#else
  return select(vec4<f32>(), vec4<f32>(v[i.x], v[i.y], v[i.z], v[i.w]), is_inside);
#endif
}
#endfor
