import { batchNorm, grad, layerNorm, type Tensor } from '../../src/index.ts'
import { BatchNorm1d } from '../../src/nn/index.ts'
import { defineCheck, type OpCheck, type Ref } from './check.ts'
import { build, position, reduce } from './reference.ts'

interface Stats {
  readonly mean: Ref
  readonly variance: Ref
}

function statsOf(x: Ref, axes: readonly number[]): Stats {
  const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  return {
    mean: reduce(x, axes, true, average),
    variance: reduce(x, axes, true, (values) => {
      const center = average(values)
      return average(values.map((v) => (v - center) ** 2))
    }),
  }
}

function normalized(x: Ref, { mean, variance }: Stats, eps: number, weight?: Ref, bias?: Ref): Ref {
  const of = (r: Ref | undefined, at: number[], otherwise: number): number =>
    r ? (r.data[position(r.shape, at)] as number) : otherwise
  return build(x.shape, (at, i) => {
    const y = ((x.data[i] as number) - of(mean, at, 0)) / Math.sqrt(of(variance, at, 1) + eps)
    return y * of(weight, at, 1) + of(bias, at, 0)
  })
}

interface LayerAttrs {
  readonly axes: number
  readonly eps?: number
}

const batchAxes = (x: Ref): number[] => x.shape.slice(0, -1).map((_, d) => d)
const flat = (r: Ref): Ref => ({ shape: [r.data.length], data: r.data })

/** The gradient of x by its formula: rstd * (g - mean(g) - y * mean(g * y)), where g is the gradient of y before the weight. */
function gradient(x: Ref, weight: Ref, seed: Ref, axes: readonly number[]): Ref {
  const stats = statsOf(x, axes)
  const y = normalized(x, stats, 1e-5)
  const g = build(x.shape, (at, i) => (seed.data[i] as number) * (weight.data[position(weight.shape, at)] as number))
  const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  const along = reduce(g, axes, true, average)
  const across = reduce({ shape: x.shape, data: g.data.map((v, i) => v * (y.data[i] as number)) }, axes, true, average)
  return build(x.shape, (at, i) => {
    const k = position(along.shape, at)
    const distance =
      (g.data[i] as number) - (along.data[k] as number) - (y.data[i] as number) * (across.data[k] as number)
    return distance / Math.sqrt((stats.variance.data[k] as number) + 1e-5)
  })
}

export const normChecks: readonly OpCheck[] = [
  defineCheck({
    op: 'BatchNorm1d, its averages',
    call: ([first, second]) => {
      const layer = new BatchNorm1d((first as Tensor).shape[1] as number, { momentum: 0.25 })
      for (const x of [first, second]) layer.forward(x as Tensor)
      return [(layer.runningMean as Tensor).mul(1), (layer.runningVar as Tensor).mul(1)]
    },
    reference: (inputs) => {
      const [first, second] = inputs as [Ref, Ref]
      const after = (start: number, of: (stats: Stats, n: number) => Ref): Ref => {
        const [a, b] = [first, second].map((x) => of(statsOf(x, [0]), x.shape[0] as number)) as [Ref, Ref]
        return {
          shape: [a.data.length],
          data: a.data.map((v, c) => 0.75 * (0.75 * start + 0.25 * v) + 0.25 * (b.data[c] as number)),
        }
      }
      return [
        after(0, ({ mean }) => mean),
        after(1, ({ variance }, n) => ({ ...variance, data: variance.data.map((v) => (v * n) / (n - 1)) })),
      ]
    },
    samples: [
      {
        inputs: [
          [5, 3],
          [4, 3],
        ],
      },
      {
        inputs: [
          [2, 70],
          [3, 70],
        ],
      },
    ],
    differentiable: false,
    effects: ['runningAverage'],
  }),
  defineCheck<LayerAttrs>({
    op: 'layerNorm',
    call: ([x, weight, bias], { axes, eps }) => {
      const t = x as Tensor
      return layerNorm(t, t.shape.slice(-axes), { weight: weight ?? null, bias: bias ?? null, ...(eps ? { eps } : {}) })
    },
    reference: ([x, weight, bias], { axes, eps = 1e-5 }) => {
      const r = x as Ref
      const list = Array.from({ length: axes }, (_, k) => r.shape.length - axes + k)
      return normalized(r, statsOf(r, list), eps, weight, bias)
    },
    samples: [
      { inputs: [[4, 7]], attrs: { axes: 1 } },
      { inputs: [[3, 5], [5], [5]], attrs: { axes: 1, eps: 0.1 } },
      { inputs: [[2, 3, 67], [67], [67]], attrs: { axes: 1 }, why: 'a row longer than a workgroup' },
      {
        inputs: [
          [2, 4, 3, 5],
          [3, 5],
          [3, 5],
        ],
        attrs: { axes: 2 },
        why: 'two axes',
      },
      { inputs: [{ shape: [2, 64], range: [1000, 1001] }], attrs: { axes: 1 }, why: 'E[x^2] - E[x]^2 cancels' },
      { inputs: [[9, 8], [8]], attrs: { axes: 1 }, why: 'a weight alone' },
      { inputs: [[0, 8], [8], [8]], attrs: { axes: 1 }, why: 'no rows' },
      { inputs: [[3, 1], [1], [1]], attrs: { axes: 1 }, why: 'rows of one element' },
      { inputs: [[1, 1100], [1100], [1100]], attrs: { axes: 1 }, why: 'more columns than 32 threads hold' },
      { inputs: [[600, 3], [3], [3]], attrs: { axes: 1 }, why: 'more rows than are added up apart' },
    ],
    fails: [
      {
        inputs: [[4, 7]],
        call: ([x]) => layerNorm(x as Tensor, [4]),
        message: 'layerNorm: x is [4, 7]; its last axes must be [4], with at least one element',
      },
      {
        inputs: [[4, 7], [4]],
        call: ([x, weight]) => layerNorm(x as Tensor, 7, { weight: weight as Tensor }),
        message: 'layerNorm: weight is [4]; it must be [7]',
      },
      {
        inputs: [[4, 7], { shape: [7], dtype: 'i32' }],
        call: ([x, weight]) => layerNorm(x as Tensor, 7, { weight: weight as Tensor }),
        message: 'layerNorm: weight is i32; it must be f32 or f16',
      },
      {
        inputs: [[4, 7]],
        call: ([x]) => layerNorm(x as Tensor, 7, { eps: 0 }),
        message: 'layerNorm: eps is 0; it must be a small positive number',
      },
      { inputs: [{ shape: [4, 7], dtype: 'i32' }], attrs: { axes: 1 }, message: 'layerNorm: x is i32; it must be f32' },
    ],
    differentiable: true,
    tolerance: {
      forward: 1e-4,
      backward: 3e-4,
      why: 'rows around 1000 keep four digits of their distance from the mean',
    },
    kernels: ['gpu', 'software'],
    bench: [{ inputs: [[4096, 768], [768], [768]], attrs: { axes: 1 } }],
  }),
  defineCheck({
    op: 'batchNorm in training',
    call: ([x, weight, bias]) => {
      const result = batchNorm(x as Tensor, { weight: weight ?? null, bias: bias ?? null, training: true })
      return [result.y, result.mean, result.variance]
    },
    reference: ([x, weight, bias]) => {
      const r = x as Ref
      const stats = statsOf(r, batchAxes(r))
      return [normalized(r, stats, 1e-5, weight, bias), flat(stats.mean), flat(stats.variance)]
    },
    samples: [
      { inputs: [[8, 3]] },
      { inputs: [[2, 5], [5], [5]], why: 'two values per channel' },
      { inputs: [[3, 4, 5, 6], [6], [6]] },
      { inputs: [[2, 9, 7, 33], [33], [33]] },
      { inputs: [{ shape: [16, 2], range: [100, 101] }], why: 'E[x^2] - E[x]^2 cancels' },
    ],
    fails: [
      { inputs: [[1, 3]], message: 'batchNorm: x is [1, 3], 1 values per channel; training needs at least two' },
      { inputs: [[3]], message: 'batchNorm: x is [3]; it must have at least two axes, the last being channels' },
      { inputs: [[4, 3], [4]], message: 'batchNorm: weight is [4]; it must be [3]' },
    ],
    differentiable: true,
    tolerance: {
      forward: 1e-4,
      backward: 3e-4,
      why: 'channels around 100 keep five digits of their distance from the mean',
    },
    kernels: ['gpu', 'software'],
    bench: [{ inputs: [[32, 56, 56, 64], [64], [64]] }],
  }),
  defineCheck({
    op: 'batchNorm in evaluation',
    call: ([x, weight, bias, mean, variance]) =>
      batchNorm(x as Tensor, {
        weight: weight as Tensor,
        bias: bias as Tensor,
        runningMean: mean as Tensor,
        runningVar: variance as Tensor,
      }).y,
    reference: ([x, weight, bias, mean, variance]) =>
      normalized(x as Ref, { mean: mean as Ref, variance: variance as Ref }, 1e-5, weight, bias),
    samples: [{ inputs: [[2, 3, 4, 5], [5], [5], [5], { shape: [5], range: [0.5, 2] }] }],
    fails: [
      {
        inputs: [[4, 3]],
        call: ([x]) => batchNorm(x as Tensor),
        message: 'batchNorm: no running statistics in evaluation; give runningMean and runningVar, or training: true',
      },
      {
        inputs: [[4, 3], [3], [4]],
        call: ([x, mean, variance]) =>
          batchNorm(x as Tensor, { runningMean: mean as Tensor, runningVar: variance as Tensor }),
        message: 'batchNorm: runningVar is [4]; it must be [3]',
      },
    ],
    differentiable: true,
  }),
  defineCheck({
    op: 'gradient of layerNorm',
    call: ([x, weight, bias, seed]) => {
      const y = layerNorm(x as Tensor, (weight as Tensor).shape, { weight: weight as Tensor, bias: bias as Tensor })
      return grad(y, [x as Tensor, weight as Tensor, bias as Tensor], seed as Tensor)
    },
    reference: ([x, weight, , seed]) => {
      const [rows, slopes] = [x as Ref, seed as Ref]
      const y = normalized(rows, statsOf(rows, [1]), 1e-5)
      const columnSums = (of: (v: number, i: number) => number): Ref => {
        const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
        return flat(reduce({ shape: rows.shape, data: slopes.data.map(of) }, [0], true, total))
      }
      return [
        gradient(rows, weight as Ref, slopes, [1]),
        columnSums((v, i) => v * (y.data[i] as number)),
        columnSums((v) => v),
      ]
    },
    samples: [{ inputs: [[3, 6], [6], [6], [3, 6]], why: 'second order' }],
    kernels: ['gpu', 'software'],
    differentiable: true,
  }),
  defineCheck({
    op: 'gradient of batchNorm',
    call: ([x, weight, bias, seed]) => {
      const { y } = batchNorm(x as Tensor, { weight: weight as Tensor, bias: bias as Tensor, training: true })
      return grad(y, [x as Tensor], seed as Tensor)
    },
    reference: ([x, weight, , seed]) => gradient(x as Ref, weight as Ref, seed as Ref, [0]),
    samples: [{ inputs: [[5, 3], [3], [3], [5, 3]], why: 'second order' }],
    differentiable: [0, 1, 3],
  }),
]
