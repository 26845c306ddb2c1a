import {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  grad,
  type PairOption,
  type ResizeOptions,
  resize,
  type Tensor,
} from '../../src/index.ts'
import { Parameter } from '../../src/nn/index.ts'
import { defineCheck, type OpCheck, type Ref } from './check.ts'
import { build, zeros } from './reference.ts'

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

function corners(o: number, from: number, to: number): Weighted {
  const at = to === 1 ? 0 : (o * (from - 1)) / (to - 1)
  const low = Math.min(Math.floor(at), from - 1)
  return [
    [low, 1 - (at - low)],
    [Math.min(low + 1, from - 1), at - low],
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
    reference: ([x], { size, mode, alignCorners }) =>
      separable(x as Ref, size, mode !== 'bilinear' ? nearest : alignCorners ? corners : bilinear),
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
      ...[
        { from: [3, 2], size: [6, 4], why: 'corners in line, twice the size' },
        { from: [5, 3], size: [7, 11], why: 'corners in line, no whole factor' },
        { from: [11, 7], size: [3, 5], why: 'corners in line, pixels that nothing reads' },
        { from: [2, 5], size: [31, 1], why: 'corners in line, many readers and a lone pixel' },
        { from: [1, 4], size: [5, 4], why: 'corners in line, from a lone pixel' },
      ].map(({ from, size, why }) => ({
        inputs: [[2, ...from, 2]],
        attrs: { size: size as [number, number], mode: 'bilinear' as const, alignCorners: true },
        why,
      })),
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
      {
        inputs: [[1, 2, 2, 1]],
        attrs: { size: 2, alignCorners: true },
        message: "resize: alignCorners with mode 'nearest'; it is for mode 'bilinear'",
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
  defineCheck<Sized>({
    op: 'adaptiveMaxPool2d of equals',
    call: ([x], { size }) => {
      const own = new Parameter(x as Tensor)
      const y = adaptiveMaxPool2d(own, size)
      return [y, ...grad(y.sum(), [own])]
    },
    reference: ([x], { size }) => {
      const { shape, data } = x as Ref
      const [, height = 0, width = 0] = shape
      const [p, q] = pair(size)
      const slope = zeros(shape)
      const y = build([1, p, q, 1], ([, row = 0, column = 0]) => {
        const places = windowOf(row, height, p).flatMap((h) => windowOf(column, width, q).map((v) => h * width + v))
        const largest = Math.max(...places.map((at) => data[at] as number))
        const first = places.find((at) => data[at] === largest) as number
        slope.data[first] = (slope.data[first] as number) + 1
        return largest
      })
      return [y, slope]
    },
    samples: [
      { inputs: [{ shape: [1, 7, 5, 1], values: [3] }], attrs: { size: [3, 2] }, why: 'the first of all' },
      { inputs: [{ shape: [1, 5, 5, 1], values: [0, 1, 1, 0, 1, 1, 0] }], attrs: { size: [3, 4] } },
      { inputs: [{ shape: [1, 4, 6, 1], values: [1, 1, 0] }], attrs: { size: [2, 3] }, why: 'the sizes divide' },
    ],
    differentiable: false,
  }),
]
