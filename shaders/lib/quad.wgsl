// quad.wgsl: what the four threads of a quad hold, in each one's own order.
//
// Entry i is that of the thread whose last two bits are one's own with those of i swapped, so that entry 0 is one's own. Needs subgroups;
// every thread of the quad must come here.
fn quad_of(own: f32) -> vec4<f32> {
  return vec4<f32>(own, quadSwapX(own), quadSwapY(own), quadSwapDiagonal(own));
}
