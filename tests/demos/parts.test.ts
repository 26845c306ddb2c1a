import { describe, expect, test } from 'vitest'
import { Curve } from '../../demos/common/curve.ts'
import { logRange } from '../../demos/common/log-range.ts'
import { Predictions } from '../../demos/digits/predictions.ts'
import { type Stroke, toDigit } from '../../demos/digits/strokes.ts'

/** Rows or columns that hold ink, and the centre of mass, of a digit [28, 28]. */
function measure(digit: Float32Array): { width: number; height: number; x: number; y: number; mass: number } {
  let [mass, x, y] = [0, 0, 0]
  const columns = new Set<number>()
  const rows = new Set<number>()
  for (let row = 0; row < 28; row++) {
    for (let column = 0; column < 28; column++) {
      const ink = digit[28 * row + column] as number
      expect(ink).toBeGreaterThanOrEqual(0)
      expect(ink).toBeLessThanOrEqual(1)
      mass += ink
      x += ink * (column + 0.5)
      y += ink * (row + 0.5)
      if (ink > 0.5) {
        columns.add(column)
        rows.add(row)
      }
    }
  }
  return { width: columns.size, height: rows.size, x: x / mass, y: y / mass, mass }
}

describe('strokes become a digit as MNIST has them', () => {
  const seven: Stroke[] = [
    [
      { x: 0.1, y: 0.1 },
      { x: 0.3, y: 0.1 },
      { x: 0.2, y: 0.45 },
    ],
  ]
  const moved = (by: number, scale: number): Stroke[] =>
    seven.map((stroke) => stroke.map(({ x, y }) => ({ x: by + x * scale, y: by + y * scale })))

  test('the longer side fills 20 pixels, the centre of mass is in the middle', () => {
    const { width, height, x, y } = measure(toDigit(seven) ?? new Float32Array())
    expect(height).toBeGreaterThanOrEqual(19)
    expect(height).toBeLessThanOrEqual(21)
    expect(width).toBeLessThan(height)
    // What the edges of pixels round away is less than a tenth of one.
    expect(Math.abs(x - 14)).toBeLessThan(0.1)
    expect(Math.abs(y - 14)).toBeLessThan(0.1)
  })

  test('place and size on the pad do not matter', () => {
    const first = toDigit(seven) ?? new Float32Array()
    for (const other of [moved(0.3, 1), moved(0.05, 2)]) {
      const second = toDigit(other) ?? new Float32Array()
      const apart = first.reduce((most, value, i) => Math.max(most, Math.abs(value - (second[i] as number))), 0)
      expect(apart).toBeLessThan(1e-3)
    }
  })

  test('a dot stays small, and nothing is no digit', () => {
    const dot = measure(toDigit([[{ x: 0.8, y: 0.2 }]]) ?? new Float32Array())
    expect(dot.mass).toBeGreaterThan(3)
    expect(dot.width).toBeLessThan(6)
    expect(dot.x).toBeCloseTo(14, 3)
    expect(toDigit([])).toBeNull()
    expect(toDigit([[]])).toBeNull()
  })
})

describe('the curve', () => {
  test('holds means of equal spans, in at most 400 points', () => {
    for (const count of [0, 1, 399, 400, 401, 5000]) {
      const curve = new Curve()
      for (let i = 0; i < count; i++) curve.add(i)
      const { x, y } = curve.points()
      const stride = x[0] ?? 1
      expect(x.length).toBe(Math.floor(count / stride))
      expect(x.length).toBeLessThan(400)
      y.forEach((mean, i) => {
        expect(x[i]).toBe((i + 1) * stride)
        expect(mean).toBe(i * stride + (stride - 1) / 2)
      })
    }
  })

  test('goes on from its state as if it had not stopped', () => {
    const whole = new Curve()
    const first = new Curve()
    for (let i = 0; i < 1001; i++) {
      whole.add(Math.sin(i))
      first.add(Math.sin(i))
    }
    const second = new Curve()
    second.restore(JSON.parse(JSON.stringify(first.state())))
    for (let i = 1001; i < 2500; i++) {
      whole.add(Math.sin(i))
      second.add(Math.sin(i))
    }
    expect(second.state()).toEqual(whole.state())
  })
})

test('predictions keep what was read, how surely, and the share that is right', () => {
  const predictions = new Predictions(3)
  const target = (...data: number[]): { data: number[]; shape: number[] } => ({ data, shape: [data.length] })
  for (let epoch = 0; epoch < 2; epoch++) {
    predictions.reset()
    predictions.update({ data: [0, Math.log(3), 5, 5 - Math.log(9)], shape: [2, 2] }, target(1, 1))
    predictions.update({ data: [1, 1], shape: [1, 2] }, target(0))
    expect(predictions.compute()).toBeCloseTo(2 / 3, 12)
  }
  expect(Array.from(predictions.read)).toEqual([1, 0, 0])
  expect(Array.from(predictions.sure, (share) => Number(share.toFixed(5)))).toEqual([0.75, 0.9, 0.5])
})

test('a logarithmic axis begins and ends with one digit around its values', () => {
  expect(logRange(0.00331, 2.31)).toEqual([0.003, 3])
  expect(logRange(1, 1)).toEqual([1, 2])
  expect(logRange(0.2, 0.95)).toEqual([0.2, 1])
  expect(logRange(5e-7, 12)).toEqual([5e-7, 20])
  for (const [low, high] of [
    [0, 1],
    [Number.NaN, Number.NaN],
    [1, Number.POSITIVE_INFINITY],
  ] as const)
    expect(logRange(low, high)).toEqual([0.1, 3])
})
