import {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  type PairOption,
  type ResizeOptions,
  resize,
  type Tensor,
} from '../../src/index.ts'
import { defineCheck, type OpCheck, type Ref } from './check.ts'
import { build } from './reference.ts'

interface Sized extends ResizeOptions {
  readonly size: PairOption
}
type Weighted = readonly (readonly [pixel: number, weight: number])[]

function pair(size: PairOption): readonly [number, number] {
  return typeof size === 'number' ? [size, size] : size
}

/** Images whose rows and columns are sums of others, as `along` lists them for each. */
function separable(x: Ref, size: PairOption, along: (o: number, from: number, to: number) => Weighted): Ref {
  const [n = 0, height = 0, width = 0, channels = 0] = x.shape
  const [p, q] = pair(size)
  return build([n, p, q, channels], ([image = 0, row = 0, column = 0, c = 0]) => {
    let total = 0
    for (const [h, a] of along(row, height, p)) {
      for (const [v, b] of along(column, width, q)) {
        if (a * b === 0) continue
        total += a * b * (x.data[((image * height + h) * width + v) * channels + c] as number)
      }
    }
    return total
  })
}

const nearest = (o: number, from: number, to: number): Weighted => [[Math.floor((o * from) / to), 1]]

function bilinear(o: number, from: number, to: number): Weighted {
  const at = Math.max(0, ((o + 0.5) * from) / to - 0.5)
  const low = Math.min(Math.floor(at), from - 1)
  const share = at - low
  return [
    [low, 1 - share],
    [Math.min(low + 1, from - 1), share],
  ]
}

function windowOf(o: number, from: number, to: number): number[] {
  const [first, end] = [Math.floor((o * from) / to), Math.ceil(((o + 1) * from) / to)]
  return Array.from({ length: end - first }, (_, i) => first + i)
}

const even = (o: number, from: number, to: number): Weighted => {
  const pixels = windowOf(o, from, to)
  return pixels.map((pixel) => [pixel, 1 / pixels.length] as const)
}

/** Distinct values, so that no difference quotient steps over a tie. */
const spaced = (...shape: number[]): { shape: number[]; step: number } => ({ shape, step: 0.01 })

export const resizeChecks: readonly OpCheck[] = [
  defineCheck<Sized>({
    op: 'resize',
    call: ([x], { size, ...options }) => resize(x as Tensor, size, options),
    reference: ([x], { size, mode }) => separable(x as Ref, size, mode === 'bilinear' ? bilinear : nearest),
    samples: [
      { inputs: [[1, 1, 1, 1]], attrs: { size: 1 } },
      { inputs: [[2, 3, 2, 3]], attrs: { size: [6, 4] }, why: 'twice the size' },
      { inputs: [[1, 5, 7, 2]], attrs: { size: [7, 5] }, why: 'one axis grows, one shrinks' },
      { inputs: [[1, 7, 5, 1]], attrs: { size: [3, 13] } },
      { inputs: [[1, 1, 1, 2]], attrs: { size: [3, 2], mode: 'bilinear' }, why: 'one pixel alone' },
      { inputs: [[2, 3, 2, 3]], attrs: { size: [6, 4], mode: 'bilinear' }, why: 'twice the size' },
      { inputs: [[1, 2, 5, 1]], attrs: { size: [7, 5], mode: 'bilinear' }, why: 'one axis stays' },
      { inputs: [[1, 5, 3, 2]], attrs: { size: [7, 11], mode: 'bilinear' }, why: 'no whole factor' },
      { inputs: [[1, 11, 7, 1]], attrs: { size: [3, 5], mode: 'bilinear' }, why: 'pixels that nothing reads' },
      { inputs: [[1, 2, 3, 1]], attrs: { size: [31, 1], mode: 'bilinear' }, why: 'many readers of each pixel' },
      { inputs: [[0, 2, 3, 1]], attrs: { size: 4, mode: 'bilinear' }, why: 'no images' },
      {
        inputs: [{ shape: [1, 1, 4, 1], values: [1, Number.POSITIVE_INFINITY, 2, 3] }],
        attrs: { size: [1, 2] },
        why: 'what is not read does not spread',
        forwardOnly: true,
      },
      {
        inputs: [{ shape: [1, 1, 3, 1], values: [5, 7, Number.POSITIVE_INFINITY] }],
        attrs: { size: 1, mode: 'bilinear' },
        why: 'what has no weight does not spread',
        forwardOnly: true,
      },
    ],
    fails: [
      {
        inputs: [[3, 2, 4]],
        attrs: { size: 2 },
        message: 'resize: x is [3, 2, 4]; it must be [images, height, width, channels]',
      },
      {
        inputs: [[1, 2, 2, 1]],
        attrs: { size: [2, 0] },
        message: 'resize: size is [2, 0]; it must be a whole number of at least 1, or two of them',
      },
      {
        inputs: [[1, 0, 2, 1]],
        attrs: { size: 2 },
        message: 'resize: x is [1, 0, 2, 1]; images must hold at least one pixel',
      },
      {
        inputs: [[1, 2, 2, 1]],
        attrs: { size: [2, 40000] },
        message: 'resize: x is [1, 2, 2, 1] and the size [2, 40000]; heights and widths go up to 32767',
      },
    ],
    differentiable: true,
    bench: [{ inputs: [[8, 112, 112, 64]], attrs: { size: 224, mode: 'bilinear' } }],
  }),
  defineCheck<Sized>({
    op: 'adaptiveAvgPool2d',
    call: ([x], { size }) => adaptiveAvgPool2d(x as Tensor, size),
    reference: ([x], { size }) => separable(x as Ref, size, even),
    samples: [
      { inputs: [[1, 4, 6, 3]], attrs: { size: [2, 3] }, why: 'the sizes divide' },
      { inputs: [[2, 5, 3, 2]], attrs: { size: 1 } },
      { inputs: [[1, 7, 5, 2]], attrs: { size: [3, 2] }, why: 'windows overlap' },
      { inputs: [[1, 3, 4, 1]], attrs: { size: [5, 7] }, why: 'more windows than pixels' },
    ],
    fails: [
      {
        inputs: [[1, 2, 2]],
        attrs: { size: 1 },
        message: 'adaptiveAvgPool2d: x is [1, 2, 2]; it must be [images, height, width, channels]',
      },
    ],
    differentiable: true,
  }),
  defineCheck<Sized>({
    op: 'adaptiveMaxPool2d',
    call: ([x], { size }) => adaptiveMaxPool2d(x as Tensor, size),
    reference: ([x], { size }) => {
      const { shape, data } = x as Ref
      const [n = 0, height = 0, width = 0, channels = 0] = shape
      const [p, q] = pair(size)
      return build([n, p, q, channels], ([image = 0, row = 0, column = 0, c = 0]) => {
        const elements = windowOf(row, height, p).flatMap((h) =>
          windowOf(column, width, q).map((v) => data[((image * height + h) * width + v) * channels + c] as number),
        )
        return Math.max(...elements)
      })
    },
    samples: [
      { inputs: [spaced(1, 4, 6, 3)], attrs: { size: [2, 3] }, why: 'the sizes divide' },
      { inputs: [spaced(2, 7, 5, 2)], attrs: { size: [3, 2] }, why: 'windows of unequal length' },
      { inputs: [spaced(1, 3, 4, 1)], attrs: { size: [3, 7] }, why: 'more windows than pixels' },
    ],
    differentiable: true,
  }),
]
