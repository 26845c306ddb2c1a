// scores.wgsl: the logits of attention and which of them count, the same in all its kernels.
//
// Params:   HEADS QUERIES KEYS  sizes.
//           SCALE           what products are multiplied by.
//           IS_CAUSAL       query i sees the keys 0 to i alone.
//           HAS_BIAS        LOAD_BIAS is fn load_bias(i: u32) -> f32; BIAS_INDEX its index by batch, head, i and j.
//           HAS_LENGTHS     LOAD_LENGTHS is fn load_length(i: u32) -> i32, [BATCH], keys of each row; all without it.
//           HAS_DROPS       LOAD_DROPS is fn load_drop(i: u32) -> u32: the key and the draw of philox, two words each, the
//                           bound of 24 bits below which a weight is dropped, and by what the others are multiplied.
// A logit of MASKED or less has the weight 0 exactly. It is finite, since WGSL knows no infinity.

#if HAS_DROPS
#include "lib/philox.wgsl"
#endif
${LOAD_BIAS}
${LOAD_LENGTHS}
${LOAD_DROPS}

const MASKED = -1e30;
const LOWEST = -5e29;

// Keys that any query of a row of the batch may see.
fn keys_of(batch: u32) -> u32 {
#if HAS_LENGTHS
  return u32(clamp(load_length(batch), 0i, ${KEYS}i));
#else
  return ${KEYS}u;
#endif
}

// The logit of query i and key j by their product; `keys` is keys_of(batch).
fn logit(product: f32, batch: u32, head: u32, i: u32, j: u32, keys: u32) -> f32 {
#if HAS_BIAS
  let value = max(product * ${SCALE} + bias_at(batch, head, i, min(j, ${KEYS - 1}u)), MASKED);
#else
  let value = product * ${SCALE};
#endif
#if IS_CAUSAL
  return select(MASKED, value, (j < keys) & (j <= i));
#else
  return select(MASKED, value, j < keys);
#endif
}

#if HAS_BIAS
fn bias_at(batch: u32, head: u32, i: u32, j: u32) -> f32 {
  return load_bias(${BIAS_INDEX});
}
#endif

// e ** (value - top), 0 where masked.
fn weight(value: f32, top: f32) -> f32 {
  return select(exp(value - top), 0.0, value < LOWEST);
}

#if HAS_DROPS
// What the weight of query i and key j is multiplied by.
fn kept(batch: u32, head: u32, i: u32, j: u32) -> f32 {
  let element = ((batch * ${HEADS}u + head) * ${QUERIES}u + i) * ${KEYS}u + j;
  let counter = vec4<u32>(element / 4u, load_drop(2u), load_drop(3u), 0u);
  let words = philox(counter, vec2<u32>(load_drop(0u), load_drop(1u)));
  return select(bitcast<f32>(load_drop(5u)), 0.0, (words[element % 4u] >> 8u) < load_drop(4u));
}
#endif
