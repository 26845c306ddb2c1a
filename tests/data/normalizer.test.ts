import { describe, expect, test } from 'vitest'
import { fitNormalizer, normalizer } from '../../src/data/index.ts'

const nan = Number.NaN
const field = { data: Float32Array.of(1, 10, 5, 3, nan, 5, 100, 30, 5), shape: [3, 3] }

describe('fitNormalizer', () => {
  test('takes mean and deviation of the rows trained on, without what is missing', () => {
    const fitted = fitNormalizer(field, { rows: [0, 1] })
    expect(fitted.shift).toEqual([2, 10, 5])
    expect(fitted.scale).toEqual([1, 1, 1])
    expect(fitted.apply(field.data)).toEqual(Float32Array.of(-1, 0, 0, 1, 0, 0, 98, 20, 0))
    expect(fitted.apply(field.data, { missing: -9 })[4]).toBe(-9)
  })

  test('agrees with a mean of 0 and a variance of 1', () => {
    const data = Float64Array.from({ length: 400 }, (_, i) => 1e6 + Math.sin(i * i) * (i % 2 ? 3 : 500))
    const out = fitNormalizer({ data, shape: [200, 2] }).apply(data)
    for (const f of [0, 1]) {
      const column = Array.from(out).filter((_, i) => i % 2 === f)
      const mean = column.reduce((a, b) => a + b, 0) / 200
      expect(mean).toBeCloseTo(0, 6)
      expect(column.reduce((a, b) => a + (b - mean) ** 2, 0) / 200).toBeCloseTo(1, 6)
    }
  })

  test('brings a range to 0 and 1, and back', () => {
    const data = Float32Array.of(-2, 7, 0, 7, 6, 7)
    const fitted = fitNormalizer({ data, shape: [3, 2] }, { kind: 'minmax' })
    expect(fitted.apply(data)).toEqual(Float32Array.of(0, 0, 0.25, 0, 1, 0))
    expect(fitted.invert(fitted.apply(data))).toEqual(data)
    const restored = normalizer(JSON.parse(JSON.stringify(fitted)))
    expect(restored.apply(data)).toEqual(fitted.apply(data))
  })

  test('equal values that no float holds keep scale 1', () => {
    expect(fitNormalizer({ data: new Float64Array(7).fill(0.1), shape: [7, 1] }).scale).toEqual([1])
  })

  test('refuses what cannot be fitted', () => {
    expect(() => fitNormalizer(field, { rows: [1] })).toThrow('feature 1 has no value in the 1 rows to fit on')
    expect(() => fitNormalizer(field, { rows: [3] })).toThrow('fitNormalizer: row 3 asked of 3; rows go from 0 to 2')
    expect(() => fitNormalizer({ data: field.data, shape: [2, 3] })).toThrow('9 values and the shape [2, 3]')
    const infinite = { data: Float32Array.of(1, Infinity), shape: [2, 1] }
    expect(() => fitNormalizer(infinite)).toThrow('feature 0 of row 1 is Infinity; values must be finite')
    expect(() => normalizer({ shift: [1], scale: [] })).toThrow('normalizer: 1 shifts and 0 scales')
    expect(() => fitNormalizer(field).apply([1])).toThrow('apply: 1 values; rows of 3 features are needed')
  })
})
