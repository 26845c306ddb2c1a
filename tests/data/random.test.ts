import { describe, expect, test } from 'vitest'
import { permutation, random } from '../../src/data/random.ts'

const draws = (n: number, ...words: number[]): number[] => {
  const generator = random(...words)
  return Array.from({ length: n }, () => generator.u32())
}

describe('random', () => {
  test('the same words give the same bits, and any other words unrelated ones', () => {
    expect(draws(8, 1, 2)).toEqual(draws(8, 1, 2))
    const starts = [[0], [1], [-1], [0, 0], [0, 1], [1, 0], [1, 1], [2 ** 32], [2 ** 33], [2 ** 32 + 1]].map(
      (words) => draws(1, ...words)[0],
    )
    expect(new Set(starts).size).toBe(starts.length)
  })

  test('the sequence is fixed, so that a shuffle of one release is the shuffle of the next', () => {
    expect(draws(4, 7, 3)).toMatchInlineSnapshot(`
      [
        812784536,
        685521394,
        605096858,
        103556023,
      ]
    `)
  })

  test('bits of neighbouring seeds are balanced', () => {
    const ones = Array.from({ length: 32 }, () => 0)
    for (let seed = 0; seed < 4000; seed++) {
      const [first = 0] = draws(1, seed)
      for (let bit = 0; bit < 32; bit++) ones[bit] = (ones[bit] ?? 0) + ((first >>> bit) & 1)
    }
    // 4,000 fair coins: 5 standard deviations are 158.
    for (const count of ones) expect(Math.abs(count - 2000)).toBeLessThan(158)
  })

  test('uniform is in [0, 1) and below reaches every value about equally often', () => {
    const generator = random(5)
    const counts = [0, 0, 0, 0, 0, 0, 0]
    for (let i = 0; i < 7000; i++) {
      const u = generator.uniform()
      expect(u >= 0 && u < 1).toBe(true)
      const k = generator.below(7)
      counts[k] = (counts[k] ?? 0) + 1
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
    expect(generator.below(1)).toBe(0)
    expect(generator.below(2 ** 32)).toBeLessThan(2 ** 32)
  })
})

describe('permutation', () => {
  test('is a permutation', () => {
    for (const n of [0, 1, 2, 17, 1000]) {
      expect(Array.from(permutation(n, random(n))).sort((a, b) => a - b)).toEqual(
        Array.from({ length: n }, (_, i) => i),
      )
    }
  })

  test('every order of four is about equally likely', () => {
    const counts = new Map<string, number>()
    for (let seed = 0; seed < 4800; seed++) {
      const order = permutation(4, random(seed)).join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(24)
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(75)
  })
})
