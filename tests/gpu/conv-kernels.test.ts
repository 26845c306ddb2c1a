import { describe, expect, test } from 'vitest'
import {
  type ConvShape,
  convForward,
  convForwardCall,
  convInputGradCall,
  convOutputSize,
  convStrip,
  convStripCall,
  convWeightGradCall,
  stripTile,
  weightGradChoice,
} from '../../src/ops/conv-kernels.ts'
import type { MatmulTile } from '../../src/ops/matmul-kernels.ts'
import { expectClose, noise, runShader } from './shader-run.ts'

interface Arrays {
  readonly x: Float32Array<ArrayBuffer>
  readonly w: Float32Array<ArrayBuffer>
  readonly dy: Float32Array<ArrayBuffer>
}

function lengths(shape: ConvShape): { x: number; w: number; y: number } {
  const [p, q] = convOutputSize(shape)
  const { images, size, channels, outputs, kernel, groups } = shape
  return {
    x: images * size[0] * size[1] * channels,
    w: (outputs * kernel[0] * kernel[1] * channels) / groups,
    y: images * p * q * outputs,
  }
}

/** All three results by visiting every product of the convolution once. */
function reference(shape: ConvShape, { x, w, dy }: Arrays): { y: Float64Array; dx: Float64Array; dw: Float64Array } {
  const { images, size, channels, outputs, kernel, stride, padding, dilation, groups } = shape
  const [p, q] = convOutputSize(shape)
  const count = lengths(shape)
  const result = { y: new Float64Array(count.y), dx: new Float64Array(count.x), dw: new Float64Array(count.w) }
  const perGroup = channels / groups
  for (let yi = 0; yi < count.y; yi++) {
    const o = yi % outputs
    const column = Math.floor(yi / outputs) % q
    const row = Math.floor(yi / outputs / q) % p
    const n = Math.floor(yi / outputs / q / p)
    const first = Math.floor(o / (outputs / groups)) * perGroup
    for (let tap = 0; tap < kernel[0] * kernel[1]; tap++) {
      const h = row * stride[0] - padding[0] + Math.floor(tap / kernel[1]) * dilation[0]
      const v = column * stride[1] - padding[1] + (tap % kernel[1]) * dilation[1]
      if (h < 0 || h >= size[0] || v < 0 || v >= size[1]) continue
      for (let c = 0; c < perGroup; c++) {
        const xi = ((n * size[0] + h) * size[1] + v) * channels + first + c
        const wi = (o * kernel[0] * kernel[1] + tap) * perGroup + c
        result.y[yi] = (result.y[yi] ?? 0) + (x[xi] ?? Number.NaN) * (w[wi] ?? Number.NaN)
        result.dx[xi] = (result.dx[xi] ?? 0) + (dy[yi] ?? Number.NaN) * (w[wi] ?? Number.NaN)
        result.dw[wi] = (result.dw[wi] ?? 0) + (dy[yi] ?? Number.NaN) * (x[xi] ?? Number.NaN)
      }
    }
  }
  expect(images).toBeGreaterThan(0)
  return result
}

function summed(parts: Float32Array, length: number): Float32Array {
  const sum = new Float32Array(length)
  for (const [i, value] of parts.entries()) sum[i % length] = (sum[i % length] ?? 0) + value
  return sum
}

async function check(shape: ConvShape, tile: MatmulTile | undefined, parts: number): Promise<void> {
  const count = lengths(shape)
  const arrays = { x: noise(count.x, 3), w: noise(count.w, 4), dy: noise(count.y, 5) }
  const expected = reference(shape, arrays)
  const { x, w, dy } = arrays
  expectClose((await runShader(convForwardCall(shape, true, tile), [x, w], count.y)).values, expected.y)
  expectClose((await runShader(convInputGradCall(shape, true, tile), [dy, w], count.x)).values, expected.dx)
  for (const columns of tile === undefined ? [1, 2, 3, 5, 6] : []) {
    const strip = { tm: columns, tn: 2, wx: 2, wy: 4 }
    const forward = convStripCall(shape, false, strip)
    const backward = convStripCall(shape, true, strip)
    if (forward !== null) expectClose((await runShader(forward, [x, w], count.y)).values, expected.y)
    if (backward !== null) expectClose((await runShader(backward, [dy, w], count.x)).values, expected.dx)
  }
  const { stride, dilation } = shape
  if (tile === undefined && stride[0] * stride[1] * dilation[1] === 1) {
    for (const strip of [
      { tm: 2, tn: 1, wx: 4, wy: 2 },
      { tm: 4, tn: 2, wx: 2, wy: 1 },
    ]) {
      const call = convWeightGradCall(shape, { tile: strip, parts: 3, isStrip: true })
      expectClose(summed((await runShader(call, [x, dy], count.w * 3)).values, count.w), expected.dw)
    }
  }
  const choice = tile === undefined ? weightGradChoice(shape, true) : { tile, parts }
  const { values } = await runShader(convWeightGradCall(shape, choice), [x, dy], count.w * choice.parts)
  expectClose(summed(values, count.w), expected.dw)
}

function conv(
  channels: number,
  outputs: number,
  size: number,
  kernel: number,
  more: Partial<ConvShape> = {},
): ConvShape {
  return {
    ...{ images: 2, size: [size, size + 1], channels, outputs, kernel: [kernel, kernel], groups: 1 },
    ...{ stride: [1, 1], padding: [0, 0], dilation: [1, 1] },
    ...more,
  }
}

const shapes: Readonly<Record<string, ConvShape>> = {
  'one channel': conv(1, 5, 7, 3),
  'one pixel': conv(3, 7, 1, 1, { images: 1, size: [1, 1] }),
  '1 x 1 kernel': conv(8, 12, 5, 1),
  'padding, aligned channels': conv(4, 8, 6, 3, { padding: [1, 1] }),
  'padding on one side only': conv(3, 4, 6, 3, { padding: [0, 2] }),
  'stride 2 with a remainder': conv(4, 4, 8, 3, { stride: [2, 2], padding: [1, 1] }),
  'stride beyond the kernel': conv(4, 6, 9, 2, { stride: [3, 3] }),
  'unequal strides and kernel': conv(5, 4, 9, 3, { kernel: [2, 3], stride: [3, 2], padding: [1, 0] }),
  dilation: conv(4, 4, 9, 3, { dilation: [2, 3], padding: [2, 3] }),
  'dilation and stride': conv(4, 3, 11, 3, { dilation: [2, 1], stride: [2, 2], padding: [1, 1] }),
  groups: conv(8, 12, 5, 3, { groups: 2, padding: [1, 1] }),
  'a group per channel': conv(6, 6, 5, 3, { groups: 6, padding: [1, 1], stride: [2, 1] }),
  'more outputs than a tile': conv(12, 37, 4, 3, { padding: [1, 1] }),
}
const tiles: readonly (MatmulTile | undefined)[] = [
  { tm: 4, tn: 4, wx: 4, wy: 4 },
  { tm: 2, tn: 1, wx: 2, wy: 8 },
  undefined,
]

describe.each(Object.entries(shapes))('%s', (_, shape) => {
  test.each(tiles)('matches f64 with tile %j', (tile) => check(shape, tile, 3))
})

test('the largest tile matches f64', () =>
  check(conv(8, 16, 6, 3, { padding: [1, 1] }), { tm: 8, tn: 8, wx: 2, wy: 2 }, 5))

test('large convolutions at stride 1 take strips on software', () => {
  const shape = conv(16, 32, 14, 3, { images: 32, size: [14, 14], padding: [1, 1] })
  expect(convForwardCall(shape, true).kernel).toBe(convStrip)
  expect(convInputGradCall(shape, true).kernel).toBe(convStrip)
  expect(weightGradChoice(shape, true)).toEqual({ tile: { tm: 8, tn: 4, wx: 4, wy: 4 }, parts: 4, isStrip: true })
  expect(convForwardCall(shape, false).kernel).toBe(convForward)
  expect(weightGradChoice(shape, false).isStrip).toBe(undefined)
  expect(stripTile(14, 32, 3)).toEqual({ tm: 14, tn: 4, wx: 4, wy: 4 })
  expect(stripTile(17, 32, 3)).toBe(null)
  expect(convStripCall({ ...shape, stride: [2, 1] }, false)).toBe(null)
  expect(convStripCall({ ...shape, padding: [3, 3], size: [13, 13] }, true)).toBe(null)
})

test('output sizes round down', () => {
  expect(convOutputSize(conv(1, 1, 8, 3, { stride: [2, 2] }))).toEqual([3, 4])
  expect(convOutputSize(conv(1, 1, 8, 3, { dilation: [2, 2], padding: [2, 2] }))).toEqual([8, 9])
})

test('parts of the weight gradient grow where outputs are few', () => {
  const shape = conv(64, 64, 56, 3, { images: 32, size: [56, 56], padding: [1, 1] })
  expect(weightGradChoice(shape, false).parts).toBeGreaterThan(1)
  expect(weightGradChoice(shape, true).parts).toBe(1)
})

test('rows beyond the limit of a grid match f64', () =>
  check(conv(1, 1, 0, 1, { images: 1, size: [300, 331], kernel: [1, 1] }), { tm: 1, tn: 1, wx: 1, wy: 1 }, 2))
