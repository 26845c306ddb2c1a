import { grad, groupNorm, instanceNorm, rmsNorm, type Tensor } from '../../src/index.ts'
import { defineCheck, type OpCheck, type Ref } from './check.ts'
import { build, count, zeros } from './reference.ts'

interface Grouped {
  readonly groups: number
  readonly eps?: number
}
interface Rooted {
  readonly axes: number
  readonly eps?: number
}

const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

function grouped(x: Ref, groups: number, eps: number, weight?: Ref, bias?: Ref): Ref {
  const channels = x.shape[x.shape.length - 1] ?? 0
  const perImage = count(x.shape.slice(1))
  const runOf = (i: number): string => `${Math.floor(i / perImage)} ${Math.floor((i % channels) / (channels / groups))}`
  const runs = new Map<string, number[]>()
  x.data.forEach((v, i) => {
    runs.set(runOf(i), [...(runs.get(runOf(i)) ?? []), v])
  })
  return build(x.shape, (_, i) => {
    const run = runs.get(runOf(i)) as number[]
    const mean = average(run)
    const y = ((x.data[i] as number) - mean) / Math.sqrt(average(run.map((v) => (v - mean) ** 2)) + eps)
    return y * (weight?.data[i % channels] ?? 1) + (bias?.data[i % channels] ?? 0)
  })
}

/** The gradients of rows and of the weight by their formula: with n = x / root, (g w - n mean(g w n)) / root, and the sums of g n. */
function rootGradient([x, weight, g]: [Ref, Ref, Ref]): Ref[] {
  const [rows = 0, columns = 0] = x.shape
  const [dx, dw] = [zeros(x.shape), zeros(weight.shape)]
  for (let r = 0; r < rows; r++) {
    const row = (data: Float64Array): Float64Array => data.slice(r * columns, (r + 1) * columns)
    const root = Math.sqrt(average(Array.from(row(x.data), (v) => v * v)) + 2 ** -23)
    const n = row(x.data).map((v) => v / root)
    const h = row(g.data).map((v, c) => v * (weight.data[c] as number))
    const across = average(Array.from(h, (v, c) => v * (n[c] as number)))
    for (let c = 0; c < columns; c++) {
      dx.data[r * columns + c] = ((h[c] as number) - (n[c] as number) * across) / root
      dw.data[c] = (dw.data[c] as number) + (g.data[r * columns + c] as number) * (n[c] as number)
    }
  }
  return [dx, dw]
}

export const groupNormChecks: readonly OpCheck[] = [
  defineCheck<Grouped>({
    op: 'groupNorm',
    call: ([x, weight = null, bias = null], { groups, ...options }) =>
      groupNorm(x as Tensor, groups, { weight, bias, ...options }),
    reference: ([x, weight, bias], { groups, eps = 1e-5 }) => grouped(x as Ref, groups, eps, weight, bias),
    samples: [
      { inputs: [[2, 3, 2, 4], [4], [4]], attrs: { groups: 2 } },
      { inputs: [[3, 8]], attrs: { groups: 2 }, why: 'no pixels' },
      { inputs: [[1, 5, 3], [3], [3]], attrs: { groups: 1, eps: 0.1 }, why: 'one group, of odd sizes' },
      { inputs: [[2, 4, 2, 6], [6]], attrs: { groups: 6 }, why: 'a group for each channel; a weight alone' },
      { inputs: [[1, 9, 8, 2], [2], [2]], attrs: { groups: 1 }, why: 'more elements than a workgroup' },
      { inputs: [[0, 2, 2, 4], [4], [4]], attrs: { groups: 2 }, why: 'no images' },
    ],
    fails: [
      {
        inputs: [[2, 3, 4]],
        attrs: { groups: 3 },
        message: 'groupNorm: groups is 3 and x is [2, 3, 4]; it must divide the channels (4)',
      },
      {
        inputs: [[2, 3, 4], [3]],
        attrs: { groups: 2 },
        message: 'groupNorm: weight is [3]; it must be [4]',
      },
      {
        inputs: [[4]],
        attrs: { groups: 2 },
        message: 'groupNorm: x is [4]; it must be [N, ..., C] with at least one element for each image',
      },
    ],
    differentiable: true,
  }),
  defineCheck<{ readonly eps?: number }>({
    op: 'instanceNorm',
    call: ([x, weight = null, bias = null], options) => instanceNorm(x as Tensor, { weight, bias, ...options }),
    reference: ([x, weight, bias], { eps = 1e-5 }) => {
      const r = x as Ref
      return grouped(r, r.shape[r.shape.length - 1] ?? 1, eps, weight, bias)
    },
    samples: [
      { inputs: [[2, 3, 2, 3]], attrs: {} },
      { inputs: [[2, 7, 2], [2], [2]], attrs: { eps: 0.01 } },
    ],
    fails: [
      {
        inputs: [[2, 1, 1, 3]],
        attrs: {},
        message: 'instanceNorm: x is [2, 1, 1, 3]; it must be [N, ..., C] with at least two pixels',
      },
    ],
    differentiable: true,
  }),
  defineCheck<Rooted>({
    op: 'rmsNorm',
    call: ([x, weight = null], { axes, ...options }) => {
      const t = x as Tensor
      return rmsNorm(t, t.shape.slice(-axes), { weight, ...options })
    },
    reference: ([x, weight], { axes, eps = 2 ** -23 }) => {
      const { shape, data } = x as Ref
      const length = count(shape.slice(-axes))
      return build(shape, (_, i) => {
        const first = i - (i % length)
        const squares = Array.from(data.slice(first, first + length), (v) => v * v)
        return ((data[i] as number) / Math.sqrt(average(squares) + eps)) * (weight?.data[i % length] ?? 1)
      })
    },
    samples: [
      { inputs: [[4, 7]], attrs: { axes: 1 } },
      { inputs: [[3, 5], [5]], attrs: { axes: 1, eps: 0.1 } },
      {
        inputs: [
          [2, 3, 5],
          [3, 5],
        ],
        attrs: { axes: 2 },
        why: 'two axes',
      },
      { inputs: [[2, 67], [67]], attrs: { axes: 1 }, why: 'a row longer than a workgroup' },
      { inputs: [{ shape: [2, 5], values: [0] }], attrs: { axes: 1, eps: 0.5 }, why: 'rows of zeros' },
      { inputs: [[0, 8], [8]], attrs: { axes: 1 }, why: 'no rows' },
    ],
    fails: [
      {
        inputs: [[4, 7]],
        call: ([x]) => rmsNorm(x as Tensor, 4),
        message: 'rmsNorm: x is [4, 7]; its last axes must be [4], with at least one element',
      },
    ],
    differentiable: true,
    kernels: ['gpu', 'software'],
  }),
  defineCheck({
    op: 'gradient of rmsNorm',
    call: ([x, weight, seed]) =>
      grad(rmsNorm(x as Tensor, 6, { weight: weight as Tensor }), [x as Tensor, weight as Tensor], seed as Tensor),
    reference: (inputs) => rootGradient(inputs as [Ref, Ref, Ref]),
    samples: [{ inputs: [[3, 6], [6], [3, 6]], why: 'second order' }],
    differentiable: true,
  }),
]
