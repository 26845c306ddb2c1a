// dy_quad.wgsl: four neighbouring elements of the outputs' gradient.
//
//   dy_quad(i, count) = elements i to i + 3, zero from the count-th on
//
// Params:   VEC4_DY  i and count are multiples of 4, and dy is read by fours.
// The includer declares dy. Nothing beyond the count is read; without any, i may be anything.

fn dy_quad(i: u32, count: u32) -> vec4<f32> {
  let start = select(0u, i, count > 0u);
#if VEC4_DY
  return select(vec4<f32>(), vec4<f32>(dy[start / 4u]), count > 0u);
#else
  let last = start + max(count, 1u) - 1u;
  let all = vec4<f32>(
#for E in 0..4
    f32(dy[min(start + ${E}u, last)]),
#endfor
  );
  return select(vec4<f32>(), all, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(count));
#endif
}
