import {
  bceLoss,
  cosineEmbeddingLoss,
  cosineSimilarity,
  crossEntropy,
  huberLoss,
  klDivLoss,
  nllLoss,
  type Reduction,
  smoothL1Loss,
  type Tensor,
} from '../../src/index.ts'
import { defineCheck, type InputSpec, type OpCheck, type Ref } from './check.ts'
import { elementwise, reduce } from './reference.ts'

function reduced({ shape, data }: Ref, reduction: Reduction | 'batchmean' = 'mean', counted = data.length): Ref {
  if (reduction === 'none') return { shape, data }
  const total = data.reduce((a, b) => a + b, 0)
  const by = { sum: 1, mean: counted, batchmean: shape[0] ?? 1 }[reduction]
  return { shape: [], data: Float64Array.of(total / by) }
}

interface Classes {
  readonly reduction?: Reduction
  readonly ignoreIndex?: number
  readonly labelSmoothing?: number
}

/** The loss of rows whose targets are classes, 0 where they are ignored. */
function rows(
  x: Ref,
  target: Ref,
  { reduction, ignoreIndex }: Classes,
  loss: (row: number[], t: number) => number,
): Ref {
  const classes = x.shape[x.shape.length - 1] ?? 0
  const losses = target.data.map((t, r) => {
    const row = Array.from(x.data.slice(r * classes, (r + 1) * classes))
    return t === ignoreIndex ? 0 : loss(row, Math.min(Math.max(t, 0), classes - 1))
  })
  const counted = target.data.filter((t) => t !== ignoreIndex).length
  return reduced({ shape: target.shape, data: losses }, reduction, Math.max(1, counted))
}

const targets = (...values: number[]): InputSpec => ({ shape: [values.length], dtype: 'i32', values })
const between = (low: number, high: number, ...shape: number[]): InputSpec => ({ shape, range: [low, high] })
const signs = (shape: number[], ...values: number[]): InputSpec => ({ shape, values })

interface Bend {
  readonly reduction?: Reduction
  readonly delta?: number
  readonly beta?: number
}

interface Divergence {
  readonly reduction?: Reduction | 'batchmean'
  readonly logTarget?: boolean
}

interface Angle {
  readonly axis?: number
  readonly eps?: number
  readonly margin?: number
  readonly reduction?: Reduction
}

function cosine(a: Ref, b: Ref, axis: number, eps = 1e-8): Ref {
  const at = axis < 0 ? axis + a.shape.length : axis
  const total = (x: Ref, y: Ref): Ref =>
    reduce(
      elementwise([x, y], ([v = 0, w = 0]) => v * w),
      [at],
      false,
      (values) => values.reduce((s, v) => s + v, 0),
    )
  return elementwise(
    [total(a, b), total(a, a), total(b, b)],
    ([dot = 0, aa = 0, bb = 0]) => dot / (Math.max(Math.sqrt(aa), eps) * Math.max(Math.sqrt(bb), eps)),
  )
}

export const distanceLossChecks: readonly OpCheck[] = [
  defineCheck<Classes>({
    op: 'crossEntropy with label smoothing',
    call: ([logits, target], options) => crossEntropy(logits as Tensor, target as Tensor, options),
    reference: ([logits, target], options) => {
      const { labelSmoothing: s = 0 } = options
      return rows(logits as Ref, target as Ref, options, (row, t) => {
        const total = Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0))
        const even = row.reduce((sum, v) => sum + total - v, 0) / row.length
        return (1 - s) * (total - (row[t] as number)) + s * even
      })
    },
    samples: [
      { inputs: [[4, 3], targets(0, 2, 1, 1)], attrs: { labelSmoothing: 0.1 } },
      { inputs: [[3, 5], targets(-1, 4, 2)], attrs: { labelSmoothing: 0.3, ignoreIndex: -1 } },
      { inputs: [[2, 4], targets(3, 0)], attrs: { labelSmoothing: 1, reduction: 'none' } },
    ],
    fails: [
      {
        inputs: [[2, 3], targets(0, 1)],
        attrs: { labelSmoothing: 1.5 },
        message: 'crossEntropy: labelSmoothing is 1.5; it must be from 0 to 1',
      },
    ],
    differentiable: [0],
  }),
  defineCheck<Classes>({
    op: 'nllLoss',
    call: ([x, target], options) => nllLoss(x as Tensor, target as Tensor, options),
    reference: ([x, target], options) => rows(x as Ref, target as Ref, options, (row, t) => -(row[t] as number)),
    samples: [
      { inputs: [[4, 3], targets(0, 2, 1, 1)], attrs: {} },
      { inputs: [[3, 5], targets(-100, 4, 2)], attrs: { ignoreIndex: -100 } },
      { inputs: [[2, 3, 4], { shape: [2, 3], dtype: 'u32', range: [0, 3] }], attrs: { reduction: 'none' } },
    ],
    fails: [
      {
        inputs: [[2, 3], [2]],
        attrs: {},
        message: 'nllLoss: target is f32; it must be i32 or u32, the number of the class',
      },
      {
        inputs: [[2, 3], targets(1, 2, 0)],
        attrs: {},
        message:
          "nllLoss: logProbs are [2, 3] and target is [3]; target must have the logProbs' shape without the last axis, [2]",
      },
    ],
    differentiable: [0],
  }),
  defineCheck<{ readonly reduction?: Reduction }>({
    op: 'bceLoss',
    call: ([p, target], options) => bceLoss(p as Tensor, target as Tensor, options),
    reference: (inputs, { reduction }) => {
      const log = (p: number): number => Math.max(Math.log(p), -100)
      return reduced(
        elementwise(inputs, ([p = 0, t = 0]) => -(t * log(p) + (1 - t) * log(1 - p))),
        reduction,
      )
    },
    samples: [
      { inputs: [between(0.1, 0.9, 5, 3), between(0, 1, 5, 3)], attrs: {} },
      { inputs: [between(0.1, 0.9, 7), between(0, 1, 7)], attrs: { reduction: 'none' } },
      {
        inputs: [
          { shape: [4], values: [0, 1, 0, 1] },
          { shape: [4], values: [0, 0, 1, 1] },
        ],
        attrs: { reduction: 'none' },
        why: 'the logarithm of 0',
        forwardOnly: true,
      },
    ],
    fails: [
      { inputs: [[2], [3]], attrs: {}, message: 'bceLoss: probs is [2] and target is [3]; both must have one shape' },
    ],
    differentiable: true,
  }),
  defineCheck<Bend>({
    op: 'huberLoss',
    call: ([x, target], options) => huberLoss(x as Tensor, target as Tensor, options),
    reference: (inputs, { reduction, delta = 1 }) =>
      reduced(
        elementwise(inputs, ([a = 0, b = 0]) => {
          const d = Math.abs(a - b)
          return d < delta ? 0.5 * d * d : delta * (d - 0.5 * delta)
        }),
        reduction,
      ),
    samples: [
      { inputs: [[7], [7]], attrs: {} },
      { inputs: [between(-4, 4, 3, 5), [3, 5]], attrs: { delta: 0.3, reduction: 'none' } },
      { inputs: [between(-9, 9, 9), [9]], attrs: { delta: 2, reduction: 'sum' } },
    ],
    fails: [
      { inputs: [[2], [2]], attrs: { delta: 0 }, message: 'huberLoss: delta is 0; it must be a positive number' },
    ],
    differentiable: true,
  }),
  defineCheck<Bend>({
    op: 'smoothL1Loss',
    call: ([x, target], options) => smoothL1Loss(x as Tensor, target as Tensor, options),
    reference: (inputs, { reduction, beta = 1 }) =>
      reduced(
        elementwise(inputs, ([a = 0, b = 0]) => {
          const d = Math.abs(a - b)
          return d < beta ? (0.5 * d * d) / beta : d - 0.5 * beta
        }),
        reduction,
      ),
    samples: [
      { inputs: [[7], [7]], attrs: {} },
      { inputs: [between(-4, 4, 3, 5), [3, 5]], attrs: { beta: 0.3, reduction: 'none' } },
      { inputs: [between(-4, 4, 5), [5]], attrs: { beta: 0, reduction: 'sum' }, why: 'no bend' },
    ],
    fails: [
      {
        inputs: [[2], [2]],
        attrs: { beta: -1 },
        message: 'smoothL1Loss: beta is -1; it must be a number of at least 0',
      },
    ],
    differentiable: true,
  }),
  defineCheck<Divergence>({
    op: 'klDivLoss',
    call: ([x, target], options) => klDivLoss(x as Tensor, target as Tensor, options),
    reference: (inputs, { reduction, logTarget = false }) =>
      reduced(
        elementwise(inputs, ([x = 0, t = 0]) => {
          if (logTarget) return Math.exp(t) * (t - x)
          return t > 0 ? t * (Math.log(t) - x) : 0
        }),
        reduction,
      ),
    samples: [
      { inputs: [between(-3, 0, 4, 3), between(0.1, 1, 4, 3)], attrs: { reduction: 'batchmean' } },
      { inputs: [between(-3, 0, 4, 3), between(-3, 0, 4, 3)], attrs: { logTarget: true } },
      { inputs: [between(-3, 0, 5), between(0.1, 1, 5)], attrs: { reduction: 'none' } },
      {
        inputs: [between(-3, 0, 4), { shape: [4], values: [0, 0.5] }],
        attrs: { reduction: 'sum' },
        why: 'a target of 0',
        forwardOnly: true,
      },
    ],
    differentiable: true,
  }),
  defineCheck<Angle>({
    op: 'cosineSimilarity',
    call: ([a, b], options) => cosineSimilarity(a as Tensor, b as Tensor, options),
    reference: ([a, b], { axis = 1, eps }) => cosine(a as Ref, b as Ref, axis, eps),
    samples: [
      {
        inputs: [
          [4, 3],
          [4, 3],
        ],
        attrs: {},
      },
      { inputs: [[5], [5]], attrs: { axis: 0 } },
      {
        inputs: [
          [2, 3, 5],
          [2, 3, 5],
        ],
        attrs: { axis: -2 },
      },
      {
        inputs: [{ shape: [2, 3], values: [0, 0, 0, 1, 2, 3] }, [2, 3]],
        attrs: { eps: 1 },
        why: 'a vector without length',
        forwardOnly: true,
      },
    ],
    fails: [
      {
        inputs: [
          [2, 3],
          [2, 4],
        ],
        attrs: {},
        message: 'cosineSimilarity: a is [2, 3] and b is [2, 4]; both must have one shape',
      },
    ],
    differentiable: true,
  }),
  defineCheck<Angle>({
    op: 'cosineEmbeddingLoss',
    call: ([a, b, target], options) => cosineEmbeddingLoss(a as Tensor, b as Tensor, target as Tensor, options),
    reference: ([a, b, target], { reduction, margin = 0 }) =>
      reduced(
        elementwise([cosine(a as Ref, b as Ref, -1), target as Ref], ([c = 0, t = 0]) =>
          t > 0 ? 1 - c : Math.max(0, c - margin),
        ),
        reduction,
      ),
    samples: [
      { inputs: [[6, 3], [6, 3], signs([6], 1, -1, -1)], attrs: {} },
      { inputs: [[6, 3], [6, 3], signs([6], -1, -1, 1)], attrs: { margin: 0.4, reduction: 'none' } },
      { inputs: [[4], [4], signs([], 1)], attrs: {}, why: 'one pair' },
    ],
    fails: [
      {
        inputs: [[4, 3], [4, 3], [3]],
        attrs: {},
        message: 'cosineEmbeddingLoss: a is [4, 3] and target is [3]; target must be [4]',
      },
    ],
    differentiable: [0, 1],
  }),
]
