import { call1 } from '../../src/graph/tensor.ts'
import { avgPool2d, globalAvgPool2d, maxPool2d, type PairOption, type Tensor } from '../../src/index.ts'
import { avgPoolGradOp, maxPoolGradOp } from '../../src/ops/pool.ts'
import { defineCheck, type OpCheck, type Ref } from './check.ts'
import { build, reduce, zeros } from './reference.ts'

interface Windows {
  readonly kernel: PairOption
  readonly stride?: PairOption
  readonly padding?: PairOption
  readonly dilation?: PairOption
}
interface Averaged extends Windows {
  readonly countIncludePad?: boolean
}
type Pair = readonly [number, number]

function pair(value: PairOption | undefined, otherwise: PairOption): Pair {
  const given = value ?? otherwise
  return typeof given === 'number' ? [given, given] : given
}

/** The elements of x in each window, in row order, and the pixels of the window within the padded image. */
function windows(x: Ref, attrs: Windows, value: (elements: number[], padded: number) => number): Ref {
  const kernel = pair(attrs.kernel, 1)
  const stride = pair(attrs.stride, kernel)
  const padding = pair(attrs.padding, 0)
  const dilation = pair(attrs.dilation, 1)
  const [n = 0, height = 0, width = 0, channels = 0] = x.shape
  const size: Pair = [height, width]
  const along = (d: 0 | 1): number =>
    Math.floor((size[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d]) + 1
  return build([n, along(0), along(1), channels], ([image = 0, p = 0, q = 0, c = 0]) => {
    const elements: number[] = []
    let padded = 0
    for (let kh = 0; kh < kernel[0]; kh++) {
      for (let kw = 0; kw < kernel[1]; kw++) {
        const h = p * stride[0] - padding[0] + kh * dilation[0]
        const v = q * stride[1] - padding[1] + kw * dilation[1]
        if (h < height + padding[0] && v < width + padding[1]) padded++
        if (h < 0 || v < 0 || h >= height || v >= width) continue
        elements.push(x.data[((image * height + h) * width + v) * channels + c] as number)
      }
    }
    return value(elements, padded)
  })
}

function lists(attrs: Windows): { kernel: Pair; stride: Pair; padding: Pair; dilation: Pair } {
  const kernel = pair(attrs.kernel, 1)
  const stride = pair(attrs.stride, kernel)
  return { kernel, stride, padding: pair(attrs.padding, 0), dilation: pair(attrs.dilation, 1) }
}

function average(x: Ref, { countIncludePad = true, ...attrs }: Averaged): Ref {
  return windows(x, attrs, (elements, padded) => {
    const total = elements.reduce((a, b) => a + b, 0)
    return total / (countIncludePad ? padded : elements.length)
  })
}

/** Distinct values, so that no difference quotient steps over a tie. */
const spaced = (...shape: number[]): { shape: number[]; step: number } => ({ shape, step: 0.01 })

export const poolChecks: readonly OpCheck[] = [
  defineCheck<Windows>({
    op: 'maxPool2d',
    call: ([x], { kernel, ...options }) => maxPool2d(x as Tensor, kernel, options),
    reference: ([x], attrs) => windows(x as Ref, attrs, (elements) => Math.max(...elements)),
    samples: [
      { inputs: [spaced(1, 1, 1, 1)], attrs: { kernel: 1 } },
      { inputs: [spaced(2, 6, 4, 3)], attrs: { kernel: 2 } },
      { inputs: [spaced(1, 7, 5, 2)], attrs: { kernel: 2 }, why: 'a row and a column are left over' },
      { inputs: [spaced(1, 7, 8, 3)], attrs: { kernel: 3, stride: 2, padding: 1 }, why: 'overlapping windows' },
      { inputs: [spaced(2, 9, 5, 1)], attrs: { kernel: [3, 2], stride: [1, 3], padding: [1, 0] } },
      { inputs: [spaced(1, 9, 8, 2)], attrs: { kernel: 3, stride: 1, padding: 1, dilation: 2 } },
      { inputs: [[0, 4, 4, 3]], attrs: { kernel: 2 }, why: 'no images' },
      {
        inputs: [{ shape: [1, 2, 2, 1], values: [-5, -7, -6, -9] }],
        attrs: { kernel: 3, padding: 1, stride: 1 },
        why: 'padding never wins',
      },
    ],
    fails: [
      {
        inputs: [[4, 4, 3]],
        attrs: { kernel: 2 },
        message: 'maxPool2d: x is [4, 4, 3]; it must be [images, height, width, channels]',
      },
      {
        inputs: [[1, 4, 4, 3]],
        attrs: { kernel: 0 },
        message: 'maxPool2d: kernel is 0; it must be a whole number of at least 1, or two of them',
      },
      {
        inputs: [[1, 4, 4, 3]],
        attrs: { kernel: 5 },
        message:
          'maxPool2d: x is [1, 4, 4, 3], the kernel [5, 5] and the padding [0, 0]; a window must fit into the padded image',
      },
      {
        inputs: [[1, 4, 4, 3]],
        attrs: { kernel: 2, padding: 2 },
        message:
          'maxPool2d: padding [2, 2] with the kernel [2, 2] on x [1, 4, 4, 3]; each window must hold a pixel: pad by at most half the kernel',
      },
    ],
    differentiable: true,
    bench: [{ inputs: [[64, 28, 28, 32]], attrs: { kernel: 2 } }],
  }),
  defineCheck<Windows>({
    op: 'maxPoolGrad',
    call: ([x, dy], attrs) => call1(maxPoolGradOp, [x as Tensor, dy as Tensor], lists(attrs)),
    reference: ([x, dy], attrs) => {
      const [image, grad] = [x as Ref, dy as Ref]
      // Among equals the first has the highest score, and scores keep the order of values that are whole numbers.
      const scores = { shape: image.shape, data: image.data.map((v, i) => v - i / image.data.length) }
      const best = windows(scores, attrs, (elements) => Math.max(...elements))
      const dx = zeros(image.shape)
      best.data.forEach((score, k) => {
        const i = scores.data.indexOf(score)
        dx.data[i] = (dx.data[i] as number) + (grad.data[k] as number)
      })
      return dx
    },
    samples: [
      {
        inputs: [{ shape: [1, 4, 4, 1], values: [0] }, [1, 2, 2, 1]],
        attrs: { kernel: 2 },
        why: 'all elements are equal',
      },
      {
        inputs: [{ shape: [2, 5, 6, 3], values: [1, 0, 2, 2, 1, 0, 2] }, [2, 3, 3, 3]],
        attrs: { kernel: 3, stride: 2, padding: 1 },
        why: 'many ties in overlapping windows',
      },
    ],
    differentiable: false,
  }),
  defineCheck<Averaged>({
    op: 'avgPool2d',
    call: ([x], { kernel, ...options }) => avgPool2d(x as Tensor, kernel, options),
    reference: ([x], attrs) => average(x as Ref, attrs),
    samples: [
      { inputs: [[1, 1, 1, 1]], attrs: { kernel: 1 } },
      { inputs: [[2, 6, 5, 3]], attrs: { kernel: 2 } },
      { inputs: [[1, 7, 8, 3]], attrs: { kernel: 3, stride: 2, padding: 1 } },
      { inputs: [[1, 7, 8, 3]], attrs: { kernel: 3, stride: 2, padding: 1, countIncludePad: false } },
      { inputs: [[2, 8, 5, 1]], attrs: { kernel: [4, 2], stride: [3, 1], padding: [2, 0], countIncludePad: false } },
    ],
    differentiable: true,
  }),
  defineCheck<Averaged & { readonly size: Pair }>({
    op: 'avgPoolGrad',
    call: ([dy], { size, countIncludePad = true, ...attrs }) => {
      return call1(avgPoolGradOp, [dy as Tensor], { ...lists(attrs), countIncludePad, size })
    },
    reference: ([dy], { size, ...attrs }) => {
      const { shape, data } = dy as Ref
      const image = [shape[0] ?? 0, ...size, shape[3] ?? 0]
      return build(image, (_, i) => {
        const unit = build(image, (__, j) => (i === j ? 1 : 0))
        return average(unit, attrs).data.reduce((sum, v, k) => sum + v * (data[k] as number), 0)
      })
    },
    samples: [
      { inputs: [[1, 3, 2, 2]], attrs: { kernel: 3, stride: 2, padding: 1, size: [5, 4], countIncludePad: false } },
    ],
    differentiable: true,
  }),
  defineCheck({
    op: 'globalAvgPool2d',
    call: ([x]) => globalAvgPool2d(x as Tensor),
    reference: ([x]) => reduce(x as Ref, [1, 2], false, (v) => v.reduce((a, b) => a + b, 0) / v.length),
    samples: [{ inputs: [[3, 7, 5, 4]] }],
    fails: [
      { inputs: [[3, 4]], message: 'globalAvgPool2d: x is [3, 4]; it must be [images, height, width, channels]' },
    ],
    differentiable: true,
  }),
]
