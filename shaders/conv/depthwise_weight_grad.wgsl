// depthwise_weight_grad.wgsl: gradient of a 2-D convolution with one kernel per channel by its weights, in parts over the
// rows of images.
//
//   dw[s, g, kh, kw] = sum_{(n, p) in part s} sum_q dy[n, p, q, g] * x[n, p SH - PH + kh DH, q SW - PW + kw DW, g]
//
//   x   [N, H, W, G]      X_TYPE  read
//   dy  [N, P, Q, G]      DY_TYPE  read
//   dw  [S, G, KH, KW]    f32  through store_y
//
// Dispatch: THREADS threads, each the taps of a row of the kernel by 4 channels (1 unless VEC4); grid (x, y, 1) of at
//           least S KH G / 4 threads (S KH G without VEC4), x THREADS being ROW.
// Params:   N H W P Q G      sizes.
//           KH KW SH SW PH PW DH DW  kernel, stride, padding, dilation.
//           S                parts of about N P / S rows; the sum of dw over s, taken in order, is the gradient.
//           VEC4             G is a multiple of 4.
//           THREADS ROW      threads of a workgroup, threads of a row of workgroups.
//           X_TYPE DY_TYPE   f32 or f16, as stored; computed in f32.
//           EPILOGUE_DECLS   binding of y from 2 on, and fn store_y(i: u32, value: f32).
// A thread moves along rows of y; where neighbouring windows share pixels they stay in registers. Within a part the sum
// runs over rows and columns of y in order.

#if VEC4
@group(0) @binding(0) var<storage, read> x: array<vec4<${X_TYPE}>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<${DY_TYPE}>>;
alias Value = vec4<f32>;
#else
@group(0) @binding(0) var<storage, read> x: array<${X_TYPE}>;
@group(0) @binding(1) var<storage, read> dy: array<${DY_TYPE}>;
alias Value = f32;
#endif
${EPILOGUE_DECLS}

// Element of a row of x that starts at `start`, zero outside.
fn element(start: u32, v: i32) -> Value {
  let is_in = u32(v) < ${W}u;
  let i = start + u32(select(0i, v, is_in)) * ${G}u;
#if VEC4
  return select(Value(), Value(x[i / 4u]), is_in);
#else
  return select(0.0, f32(x[i]), is_in);
#endif
}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let thread = id.y * ${ROW}u + id.x;
#if VEC4
  let c = thread % ${G / 4}u * 4u;
  let line = thread / ${G / 4}u;
#else
  let c = thread % ${G}u;
  let line = thread / ${G}u;
#endif
  let kh = line % ${KH}u;
  let part = line / ${KH}u;
  if (part >= ${S}u) {
    return;
  }
#for K in 0..KW
  var s${K} = Value();
#endfor
  for (var step = 0u; step < ${(N * P + S - 1) / S}u; step++) {
    let row = part * ${(N * P + S - 1) / S}u + step;
    let n = row / ${P}u;
    let h = i32((row - n * ${P}u) * ${SH}u + kh * ${DH}u) - ${PH}i;
    if ((row >= ${N * P}u) | (u32(h) >= ${H}u)) {
      continue;
    }
    let start = (n * ${H}u + u32(h)) * ${W * G}u + c;
#if SW == 1 && DW == 1
#for K in 0..KW - 1
    var b${K} = element(start, ${K}i - ${PW}i);
#endfor
#endif
    for (var q = 0u; q < ${Q}u; q++) {
#if VEC4
      let a = Value(dy[((row * ${Q}u + q) * ${G}u + c) / 4u]);
#else
      let a = f32(dy[(row * ${Q}u + q) * ${G}u + c]);
#endif
      let left = i32(q * ${SW}u) - ${PW}i;
#if SW == 1 && DW == 1
      let b${KW - 1} = element(start, left + ${KW - 1}i);
#for K in 0..KW
      s${K} += a * b${K};
#endfor
#for K in 0..KW - 1
      b${K} = b${K + 1};
#endfor
#else
#for K in 0..KW
      s${K} += a * element(start, left + ${K * DW}i);
#endfor
#endif
    }
  }
#for K in 0..KW
#if VEC4
#for E in 0..4
  store_y((part * ${G}u + c + ${E}u) * ${KH * KW}u + kh * ${KW}u + ${K}u, s${K}[${E}]);
#endfor
#else
  store_y((part * ${G}u + c) * ${KH * KW}u + kh * ${KW}u + ${K}u, s${K});
#endif
#endfor
}
