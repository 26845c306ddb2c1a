import { describe, expect, test } from 'vitest'
import { type DrawnDigits, drawDigits } from '../../src/data/glyphs.ts'

const pixels = 28 * 28

/** Share of the test digits whose nearest training digit (Euclidean) has their label. */
function nearestNeighbour(train: DrawnDigits, test: DrawnDigits): number {
  let right = 0
  for (let i = 0; i < test.labels.data.length; i++) {
    let best = Number.POSITIVE_INFINITY
    let label = -1
    for (let j = 0; j < train.labels.data.length; j++) {
      let sum = 0
      for (let p = 0; p < pixels && sum < best; p++) {
        const d = (test.images.data[i * pixels + p] ?? 0) - (train.images.data[j * pixels + p] ?? 0)
        sum += d * d
      }
      if (sum < best) {
        best = sum
        label = train.labels.data[j] ?? -1
      }
    }
    if (label === test.labels.data[i]) right++
  }
  return right / test.labels.data.length
}

describe('drawDigits', () => {
  test('has the form of an IDX file and follows from the seed', () => {
    const { images, labels } = drawDigits(50, { seed: 3 })
    expect(images).toMatchObject({ dtype: 'u8', shape: [50, 28, 28] })
    expect(labels).toMatchObject({ dtype: 'u8', shape: [50] })
    expect(drawDigits(50, { seed: 3 })).toEqual({ images, labels })
    expect(drawDigits(20, { seed: 3 }).images.data).toEqual(images.data.slice(0, 20 * pixels))
    expect(drawDigits(50, { seed: 4 }).images.data).not.toEqual(images.data)
  })

  test('every digit occurs, has ink on a dark ground, and no two are alike', () => {
    const { images, labels } = drawDigits(1000, { seed: 1 })
    const counts = Array.from({ length: 10 }, (_, digit) => labels.data.filter((label) => label === digit).length)
    for (const count of counts) expect(count).toBeGreaterThan(60)
    const seen = new Set<string>()
    for (let i = 0; i < 1000; i++) {
      const one = images.data.subarray(i * pixels, (i + 1) * pixels)
      const lit = one.filter((value) => value > 128).length
      expect(lit).toBeGreaterThan(15)
      expect(lit).toBeLessThan(300)
      seen.add(one.join())
    }
    expect(seen.size).toBe(1000)
  })

  test('can be learnt, though not by heart: neighbours agree often and not always', () => {
    const share = nearestNeighbour(drawDigits(1000, { seed: 1 }), drawDigits(200, { seed: 2 }))
    expect(share).toBeGreaterThan(0.75)
    expect(share).toBeLessThan(1)
  })

  test('refuses a number of digits that is none', () => {
    expect(() => drawDigits(1.5, { seed: 0 })).toThrow(
      'drawDigits: asked for 1.5 digits; give a whole number, 0 or more',
    )
  })
})
