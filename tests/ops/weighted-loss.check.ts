import {
  bceLoss,
  bceWithLogits,
  type CrossEntropyOptions,
  crossEntropy,
  type NllOptions,
  nllLoss,
  type Reduction,
  type Tensor,
} from '../../src/index.ts'
import { defineCheck, type InputSpec, type OpCheck, type Ref } from './check.ts'
import { elementwise } from './reference.ts'

type Rows = Omit<CrossEntropyOptions, 'weight'>

const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0)

/** Losses of rows, each a sum over classes of shares times minus the logarithm; PyTorch's mean divides by the targets' weights. */
function classLoss(
  logProbs: (row: readonly number[]) => number[],
  [x, target, weight]: readonly Ref[],
  { reduction = 'mean', ignoreIndex, labelSmoothing: smooth = 0 }: Rows,
): Ref {
  const w = (weight as Ref).data
  const classes = w.length
  let total = 0
  const losses = (target as Ref).data.map((t, r) => {
    if (t === ignoreIndex) return 0
    total += w[t] as number
    const log = logProbs(Array.from((x as Ref).data.slice(r * classes, (r + 1) * classes)))
    return -sum(log.map((l, c) => ((c === t ? 1 - smooth : 0) + smooth / classes) * (w[c] as number) * l))
  })
  if (reduction === 'none') return { shape: (target as Ref).shape, data: losses }
  const all = sum(losses)
  return { shape: [], data: Float64Array.of(reduction === 'sum' ? all : total === 0 ? 0 : all / total) }
}

const logSoftmax = (row: readonly number[]): number[] => {
  const log = Math.log(sum(row.map(Math.exp)))
  return row.map((v) => v - log)
}

const targets = (...values: number[]): InputSpec => ({ shape: [values.length], dtype: 'i32', values })
const weights = (...values: number[]): InputSpec => ({ shape: [values.length], values })

function elementLoss(losses: Ref, reduction: Reduction = 'mean'): Ref {
  if (reduction === 'none') return losses
  const all = sum(losses.data)
  return { shape: [], data: Float64Array.of(reduction === 'sum' ? all : all / losses.data.length) }
}

const between = (low: number, high: number, ...shape: number[]): InputSpec => ({ shape, range: [low, high] })
interface Elements {
  readonly reduction?: Reduction
  readonly only?: 'weight' | 'posWeight'
}

export const weightedLossChecks: readonly OpCheck[] = [
  defineCheck<Rows>({
    op: 'crossEntropy with class weights',
    call: ([x, target, weight], options) => crossEntropy(x!, target!, { ...options, weight: weight! }),
    reference: (inputs, options) => classLoss(logSoftmax, inputs, options),
    samples: [
      { inputs: [[5, 3], targets(0, 2, 1, 1, 2), weights(0.2, 1, 3)], attrs: {} },
      { inputs: [[5, 3], targets(0, 2, 1, 1, 2), weights(0.2, 1, 3)], attrs: { reduction: 'sum' } },
      {
        inputs: [[2, 2, 3], { shape: [2, 2], dtype: 'u32', values: [0, 1, 2, 2] }, weights(2, 0, 3)],
        attrs: { reduction: 'none' },
      },
      { inputs: [[4, 3], targets(-100, 2, 1, -100), weights(0.2, 1, 3)], attrs: { ignoreIndex: -100 } },
      { inputs: [[4, 3], targets(0, 2, 1, 0), weights(0.2, 1, 3)], attrs: { labelSmoothing: 0.1 } },
      { inputs: [[4, 3], targets(0, 2, 1, -1), weights(0.2, 1, 3)], attrs: { labelSmoothing: 0.4, ignoreIndex: -1 } },
      { inputs: [[2, 3], targets(0, 0), weights(0, 1, 3)], attrs: {}, why: 'no row counts', forwardOnly: true },
    ],
    fails: [
      {
        inputs: [[2, 3], targets(0, 2), weights(1, 2)],
        attrs: {},
        message: 'crossEntropy: weight is f32 [2]; it must be f32 [3], one for each class',
      },
    ],
    differentiable: [0, 2],
  }),
  defineCheck<NllOptions>({
    op: 'nllLoss with class weights',
    call: ([x, target, weight], options) => nllLoss(x!, target!, { ...options, weight: weight! }),
    reference: (inputs, options) => classLoss((row) => [...row], inputs, options),
    samples: [
      { inputs: [[5, 3], targets(0, 2, 1, 1, 2), weights(0.2, 1, 3)], attrs: {} },
      { inputs: [[3, 4], targets(3, -1, 0), weights(0.2, 1, 3, 0.5)], attrs: { ignoreIndex: -1 } },
    ],
    differentiable: [0, 2],
  }),
  defineCheck<Elements>({
    op: 'bceWithLogits with weights',
    call: ([x, t, w], { only, ...options }) =>
      bceWithLogits(x!, t!, { ...options, ...(only ? { [only]: w! } : { weight: w!, posWeight: w! }) }),
    reference: (inputs, { only, reduction }) =>
      elementLoss(
        elementwise(inputs, ([x = 0, t = 0, w = 0]) => {
          const [yes, no] = [
            Math.log1p(Math.exp(-Math.abs(x))) + Math.max(-x, 0),
            Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0),
          ]
          return (only === 'posWeight' ? 1 : w) * ((only === 'weight' ? 1 : w) * t * yes + (1 - t) * no)
        }),
        reduction,
      ),
    samples: [
      { inputs: [[5, 3], between(0, 1, 5, 3), between(0.5, 4, 3)], attrs: { only: 'posWeight' } },
      {
        inputs: [[5, 3], between(0, 1, 5, 3), between(0.5, 4, 5, 1)],
        attrs: { only: 'weight' },
        why: 'a weight for each row',
      },
      { inputs: [[7], between(0, 1, 7), between(0.5, 4, 7)], attrs: { reduction: 'none' } },
      {
        inputs: [[2, 3], between(0, 1, 2, 3), between(0.5, 4)],
        attrs: { reduction: 'sum' },
        why: 'one weight for all',
      },
      {
        inputs: [between(-100, 100, 9), { shape: [9], values: [0, 1] }, weights(10)],
        attrs: { only: 'posWeight', reduction: 'none' },
        why: 'e ** x overflows',
      },
    ],
    fails: [
      {
        inputs: [[4, 3], [4, 3], [4]],
        attrs: { only: 'posWeight' },
        message: 'bceWithLogits: posWeight is f32 [4]; it must be f32 and broadcast to [4, 3]',
      },
      {
        inputs: [[3], [3], [2, 3]],
        attrs: { only: 'weight' },
        message: 'bceWithLogits: weight is f32 [2, 3]; it must be f32 and broadcast to [3]',
      },
    ],
    differentiable: true,
  }),
  defineCheck<Elements>({
    op: 'bceLoss with weights',
    call: ([p, t, weight], { reduction = 'mean' }) => bceLoss(p as Tensor, t as Tensor, { reduction, weight: weight! }),
    reference: (inputs, { reduction }) =>
      elementLoss(
        elementwise(inputs, ([p = 0, t = 0, w = 0]) => -w * (t * Math.log(p) + (1 - t) * Math.log(1 - p))),
        reduction,
      ),
    samples: [{ inputs: [between(0.1, 0.9, 5, 3), between(0, 1, 5, 3), between(0.5, 4, 3)], attrs: {} }],
    differentiable: true,
  }),
]
