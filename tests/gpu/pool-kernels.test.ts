import { describe, expect, test } from 'vitest'
import {
  avgPoolCall,
  avgPoolGradCall,
  hasPoolCells,
  maxPoolCall,
  maxPoolCellGradCall,
  maxPoolGradCall,
  maxPoolPlacesCall,
  type PoolShape,
  poolOutputSize,
} from '../../src/ops/pool-kernels.ts'
import { expectClose, noise, runShader } from './shader-run.ts'

/** For each output element, the indices in x that its window holds. */
function windows(shape: PoolShape): number[][] {
  const { images, size, channels, kernel, stride, padding, dilation } = shape
  const [p, q] = poolOutputSize(shape)
  return Array.from({ length: images * p * q * channels }, (_, i) => {
    const c = i % channels
    const column = Math.floor(i / channels) % q
    const row = Math.floor(i / channels / q) % p
    const n = Math.floor(i / channels / q / p)
    const held: number[] = []
    for (let kh = 0; kh < kernel[0]; kh++) {
      for (let kw = 0; kw < kernel[1]; kw++) {
        const h = row * stride[0] - padding[0] + kh * dilation[0]
        const v = column * stride[1] - padding[1] + kw * dilation[1]
        if (h >= 0 && h < size[0] && v >= 0 && v < size[1]) held.push(((n * size[0] + h) * size[1] + v) * channels + c)
      }
    }
    return held
  })
}

function pool(channels: number, size: number, kernel: number, more: Partial<PoolShape> = {}): PoolShape {
  return {
    ...{ images: 2, size: [size, size + 1], channels, kernel: [kernel, kernel], stride: [kernel, kernel] },
    ...{ padding: [0, 0], dilation: [1, 1] },
    ...more,
  }
}

const shapes: Readonly<Record<string, PoolShape>> = {
  'one element': pool(1, 1, 1, { images: 1, size: [1, 1] }),
  'windows side by side': pool(3, 7, 2),
  'windows that overlap, padding': pool(5, 6, 3, { stride: [2, 2], padding: [1, 1] }),
  'stride 1': pool(2, 5, 3, { stride: [1, 1], padding: [1, 0] }),
  'gaps between windows': pool(4, 9, 2, { stride: [3, 4] }),
  'whole cells': pool(5, 6, 2, { size: [6, 8] }),
  'cells and padding': pool(3, 7, 2, { padding: [1, 1] }),
  'cells wider than a window': pool(2, 8, 2, { stride: [4, 3], padding: [1, 0] }),
  'one window for the whole image': pool(6, 5, 5, { kernel: [5, 6] }),
}

/** Few distinct values, so that windows hold the same maximum more than once. */
function steps(length: number): Float32Array<ArrayBuffer> {
  return noise(length, 6).map((value) => Math.round(value * 4))
}

describe.each(Object.entries(shapes))('%s', (_, shape) => {
  const held = windows(shape)
  const x = steps(shape.images * shape.size[0] * shape.size[1] * shape.channels)
  const dy = noise(held.length, 7)

  async function checkMax(pooling: PoolShape): Promise<void> {
    const inWindow = windows(pooling)
    const gradient = noise(inWindow.length, 8)
    const winners = inWindow.map((indices) => indices.reduce((a, b) => ((x[b] ?? 0) > (x[a] ?? 0) ? b : a)))
    const y = Float64Array.from(winners, (i) => x[i] ?? Number.NaN)
    const dx = new Float64Array(x.length)
    for (const [i, winner] of winners.entries()) dx[winner] = (dx[winner] ?? 0) + (gradient[i] ?? 0)
    expectClose((await runShader(maxPoolCall(pooling), [x], y.length)).values, y)
    const places = Float32Array.from((await runShader(maxPoolPlacesCall(pooling), [x], y.length)).values)
    expectClose((await runShader(maxPoolGradCall(pooling), [places, gradient], dx.length)).values, dx)
    if (hasPoolCells(pooling)) {
      expectClose((await runShader(maxPoolCellGradCall(pooling), [x, gradient], dx.length)).values, dx)
    }
  }

  test('the largest element and its gradient', () => checkMax(shape))

  test('the same with dilation', async () => {
    if (shape.size[0] > 4 && shape.kernel[0] <= 3) await checkMax({ ...shape, dilation: [2, 1] })
  })

  test.each([true, false])('the mean and its gradient, padding counted: %s', async (isCounted) => {
    const full = shape.kernel[0] * shape.kernel[1]
    const divisors = held.map((indices) => (isCounted ? full : indices.length))
    const y = Float64Array.from(held, (indices, i) => {
      return indices.reduce((sum, at) => sum + (x[at] ?? Number.NaN), 0) / (divisors[i] ?? 1)
    })
    const dx = new Float64Array(x.length)
    for (const [i, indices] of held.entries()) {
      for (const at of indices) dx[at] = (dx[at] ?? 0) + (dy[i] ?? 0) / (divisors[i] ?? 1)
    }
    expectClose((await runShader(avgPoolCall(shape, isCounted), [x], y.length)).values, y)
    expectClose((await runShader(avgPoolGradCall(shape, isCounted), [dy], dx.length)).values, dx)
  })
})

test('a maximum shows NaN, and padding never wins', async () => {
  const shape = pool(1, 2, 2, { images: 1, size: [2, 4], padding: [1, 1], kernel: [2, 2], stride: [2, 2] })
  const x = Float32Array.from([-1, -2, -3, -4, -5, Number.NaN, -7, -8])
  const { values } = await runShader(maxPoolCall(shape), [x], 6)
  expect([...values]).toEqual([-1, -2, -4, -5, Number.NaN, -8])
})

test('windows are cells where they lie apart and are small', () => {
  expect(hasPoolCells(pool(1, 8, 2))).toBe(true)
  expect(hasPoolCells(pool(1, 8, 3, { stride: [2, 2] }))).toBe(false)
  expect(hasPoolCells(pool(1, 9, 2, { stride: [2, 2], dilation: [2, 1] }))).toBe(false)
  expect(hasPoolCells(pool(1, 9, 2, { stride: [3, 3], dilation: [2, 2] }))).toBe(true)
  expect(hasPoolCells(pool(1, 14, 7))).toBe(false)
})

test('a second grid row is reached', async () => {
  const shape = pool(16, 5, 1)
  const x = noise(2 * 5 * 6 * 16, 9)
  const call = maxPoolCall(shape)
  expect(call.grid).toEqual([15, 1, 1])
  const { values } = await runShader({ ...call, params: { ...call.params, GRID_X: 4 }, grid: [4, 4, 1] }, [x], x.length)
  expect(values).toEqual(x)
  expect(maxPoolCall({ ...shape, images: 2 ** 17 }).grid).toEqual([65535, 16, 1])
})
