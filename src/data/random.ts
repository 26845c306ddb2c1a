/** A small seeded generator for host-side choices: shuffles, splits and drawn data. Not for secrets. */
export interface Random {
  /** The next unsigned 32-bit integer. */
  u32(): number
  /** A float in [0, 1) with 24 bits, as the shaders make theirs. */
  uniform(): number
  /** An integer in [0, bound), every value equally likely; `bound` is at most 2^32. */
  below(bound: number): number
}

/**
 * A generator whose whole sequence follows from integers: the same words give the same bits in every engine.
 * Words that differ in any place start unrelated sequences, so `(seed, epoch)` needs no arithmetic by the caller.
 */
export function random(...words: number[]): Random {
  let mix = 0x9e3779b9
  for (const word of words) mix = scramble(mix ^ scramble(word | 0) ^ (Math.floor(word / 0x1_0000_0000) | 0))
  // xoshiro128**: its state must not be all zeros, which the scrambled counter below cannot produce.
  let a = scramble(mix + 0x9e3779b9)
  let b = scramble(mix + 0x3c6ef372)
  let c = scramble(mix + 0xdaa66d2b)
  let d = scramble(mix + 0x78dde6e4)

  const u32 = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotate(d, 11)
    return result
  }
  return {
    u32,
    uniform: () => (u32() >>> 8) * 2 ** -24,
    below: (bound) => {
      // Draws past the last whole multiple of the bound would favour small values; draw again instead.
      const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound)
      let draw = u32()
      while (draw >= limit) draw = u32()
      return draw % bound
    },
  }
}

/** 0..n-1 in an order that follows from the generator alone (Fisher-Yates). */
export function permutation(n: number, generator: Random): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = generator.below(i + 1)
    const held = order[i] as number
    order[i] = order[j] as number
    order[j] = held
  }
  return order
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by))
}

/** A bijection of 32-bit integers with full avalanche, so that neighbouring seeds share nothing. */
function scramble(x: number): number {
  let h = x | 0
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad)
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97)
  return h ^ (h >>> 15)
}
