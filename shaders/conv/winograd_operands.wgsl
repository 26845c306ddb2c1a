// winograd_operands.wgsl: what Winograd's method multiplies: patches of NHWC images, then weights or patches of the outputs' gradient.
//
//   images   v[a, b, (n, i, j), c] = sum_{k, l} B[k, a] x[n, i TILE - PH + k, j TILE - PW + l, c] B[l, b],  x zero outside
//   weights  v[a, b, o, c] = sum_{kh, kw} G[a, kh] r[o, kh, kw, c] G[b, kw]
//   grads    v[a, b, (n, i, j), o] = sum_{k, l} A[a, k] r[n, i TILE + k, j TILE + l, o] A[b, l],  r zero outside
//
//   x  [N, H, W, C]                   X_TYPE  read
//   r  [O, 3, 3, C] or [N, P, Q, O]   R_TYPE  read
//   v  [E, E, N TH TW, C], then [E, E, O, C] or [E, E, N TH TW, O]  f32  through store_y
//
// Dispatch: one thread for each patch and channel, or four channels with VEC4, then one for each o and c of the weights, or for
//           each patch and output, or four; grid (x, y, 1) of at least that many threads, x THREADS being ROW.
// Params:   N H W C P Q O  sizes; with VEC4 C and O are multiples of 4.
//           TH TW          patches along the height and width, TILE pixels apart.
//           PH PW          padding.
//           TILE           2 or 4; E = TILE + 2.
//           OF_GRADS       r is the gradient of the outputs, not weights.
//           IS_GRAD        for the gradient of the input: the weights and their part of v have O and C swapped, and the taps are
//                          taken in reverse.
//           THREADS ROW    threads of a workgroup, threads of a row of workgroups.
//           X_TYPE R_TYPE  f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS binding of y from 2 on, and fn store_y(i: u32, value: f32).

#if VEC4
@group(0) @binding(0) var<storage, read> x: array<vec4<${X_TYPE}>>;
alias Value = vec4<f32>;
#else
@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}>;
alias Value = f32;
#endif
#if VEC4 && OF_GRADS
@group(0) @binding(1) var<storage, read> r: array<vec4<${R_TYPE}>>;
#else
@group(0) @binding(1) var<storage, read> r: array<${R_TYPE}>;
#endif
${EPILOGUE_DECLS}

fn store(i: u32, value: Value) {
#if VEC4
#for E in 0..4
  store_y(i + ${E}u, value[${E}]);
#endfor
#else
  store_y(i, value);
#endif
}

// Each of these takes one axis; they are B^T, G and A.
#if TILE == 2
fn spread_pixels(d: array<Value, 4>) -> array<Value, 4> {
  return array<Value, 4>(d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]);
}
fn spread_taps(w: array<f32, 3>) -> array<f32, 4> {
  let even = 0.5 * (w[0] + w[2]);
  let odd = 0.5 * w[1];
  return array<f32, 4>(w[0], even + odd, even - odd, w[2]);
}
fn spread_grads(d: array<Value, 2>) -> array<Value, 4> {
  return array<Value, 4>(d[0], d[0] + d[1], d[0] - d[1], -d[1]);
}
#else
fn spread_pixels(d: array<Value, 6>) -> array<Value, 6> {
  let even = d[4] - 4.0 * d[2];
  let odd = d[3] - 4.0 * d[1];
  let far_even = d[4] - d[2];
  let far_odd = 2.0 * (d[3] - d[1]);
  return array<Value, 6>(
    4.0 * d[0] - 5.0 * d[2] + d[4],
    even + odd,
    even - odd,
    far_even + far_odd,
    far_even - far_odd,
    4.0 * d[1] - 5.0 * d[3] + d[5],
  );
}
fn spread_taps(w: array<f32, 3>) -> array<f32, 6> {
  let even = -(w[0] + w[2]) / 6.0;
  let odd = w[1] / 6.0;
  let far_even = w[0] / 24.0 + w[2] / 6.0;
  let far_odd = w[1] / 12.0;
  return array<f32, 6>(0.25 * w[0], even - odd, even + odd, far_even + far_odd, far_even - far_odd, w[2]);
}
fn spread_grads(d: array<Value, 4>) -> array<Value, 6> {
  let even = d[0] + d[2];
  let odd = d[1] + d[3];
  let far_even = d[0] + 4.0 * d[2];
  let far_odd = 2.0 * d[1] + 8.0 * d[3];
  return array<Value, 6>(d[0], even + odd, even - odd, far_even + far_odd, far_even - far_odd, d[3]);
}
#endif

// A patch and its first channel.
fn carry_pixels(patch_index: u32, c: u32) {
  let n = patch_index / ${TH * TW}u;
  let top = i32(patch_index / ${TW}u % ${TH}u * ${TILE}u) - ${PH}i;
  let left = i32(patch_index % ${TW}u * ${TILE}u) - ${PW}i;
#for L in 0..TILE + 2
  let is_column${L} = u32(left + ${L}i) < ${W}u;
#endfor
#for K in 0..TILE + 2
  let is_row${K} = u32(top + ${K}i) < ${H}u;
  let start${K} = ((i32(n * ${H}u) + top + ${K}i) * ${W}i + left) * ${C}i + i32(c);
#endfor
#for L in 0..TILE + 2
  let t${L} = spread_pixels(array<Value, ${TILE + 2}>(
#for K in 0..TILE + 2
    pixel(start${K} + ${L * C}i, is_row${K} & is_column${L}),
#endfor
  ));
#endfor
#for A in 0..TILE + 2
  let v${A} = spread_pixels(array<Value, ${TILE + 2}>(
#for L in 0..TILE + 2
    t${L}[${A}],
#endfor
  ));
#for B in 0..TILE + 2
  store(${(A * (TILE + 2) + B) * N * TH * TW * C}u + patch_index * ${C}u + c, v${A}[${B}]);
#endfor
#endfor
}

fn pixel(at: i32, is_in: bool) -> Value {
  let i = u32(select(0i, at, is_in));
#if VEC4
  return select(Value(), Value(x[i / 4u]), is_in);
#else
  return select(0.0, f32(x[i]), is_in);
#endif
}

#if OF_GRADS
// A patch and its first output.
fn carry_grads(patch_index: u32, o: u32) {
  let n = patch_index / ${TH * TW}u;
  let p = patch_index / ${TW}u % ${TH}u * ${TILE}u;
  let q = patch_index % ${TW}u * ${TILE}u;
#for L in 0..TILE
  let t${L} = spread_grads(array<Value, ${TILE}>(
#for K in 0..TILE
    output_grad(((n * ${P}u + p + ${K}u) * ${Q}u + q + ${L}u) * ${O}u + o, (p + ${K}u < ${P}u) & (q + ${L}u < ${Q}u)),
#endfor
  ));
#endfor
#for A in 0..TILE + 2
  let v${A} = spread_grads(array<Value, ${TILE}>(
#for L in 0..TILE
    t${L}[${A}],
#endfor
  ));
#for B in 0..TILE + 2
  store(${(TILE + 2) * (TILE + 2) * N * TH * TW * C + (A * (TILE + 2) + B) * N * TH * TW * O}u + patch_index * ${O}u + o, v${A}[${B}]);
#endfor
#endfor
}

fn output_grad(at: u32, is_in: bool) -> Value {
  let i = select(0u, at, is_in);
#if VEC4
  return select(Value(), Value(r[i / 4u]), is_in);
#else
  return select(0.0, f32(r[i]), is_in);
#endif
}
#else
fn carry_weights(i: u32) {
#if IS_GRAD
  let start = i / ${O}u * ${9 * O}u + i % ${O}u;
#else
  let start = i / ${C}u * ${9 * C}u + i % ${C}u;
#endif
#for L in 0..3
  let t${L} = spread_taps(array<f32, 3>(
#for K in 0..3
#if IS_GRAD
    f32(r[start + ${(8 - 3 * K - L) * O}u]),
#else
    f32(r[start + ${(3 * K + L) * C}u]),
#endif
#endfor
  ));
#endfor
#for A in 0..TILE + 2
  let v${A} = spread_taps(array<f32, 3>(t0[${A}], t1[${A}], t2[${A}]));
#for B in 0..TILE + 2
  store_y(${(TILE + 2) * (TILE + 2) * N * TH * TW * C + (A * (TILE + 2) + B) * O * C}u + i, v${A}[${B}]);
#endfor
#endfor
}
#endif

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let thread = id.y * ${ROW}u + id.x;
#if VEC4
  if (thread < ${N * TH * TW * C / 4}u) {
    carry_pixels(thread / ${C / 4}u, thread % ${C / 4}u * 4u);
    return;
  }
  let other = thread - ${N * TH * TW * C / 4}u;
#else
  if (thread < ${N * TH * TW * C}u) {
    carry_pixels(thread / ${C}u, thread % ${C}u);
    return;
  }
  let other = thread - ${N * TH * TW * C}u;
#endif
#if OF_GRADS && VEC4
  if (other < ${N * TH * TW * O / 4}u) {
    carry_grads(other / ${O / 4}u, other % ${O / 4}u * 4u);
  }
#elif OF_GRADS
  if (other < ${N * TH * TW * O}u) {
    carry_grads(other / ${O}u, other % ${O}u);
  }
#else
  if (other < ${O * C}u) {
    carry_weights(other);
  }
#endif
}
