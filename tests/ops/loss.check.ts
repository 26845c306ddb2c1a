import { bceWithLogits, crossEntropy, grad, l1Loss, mseLoss, type Reduction, type Tensor } from '../../src/index.ts'
import { defineCheck, type OpCheck, type Ref, type Sample } from './check.ts'
import { build, elementwise } from './reference.ts'

interface Options {
  readonly reduction?: Reduction
  readonly ignoreIndex?: number
}

function reduced({ shape, data }: Ref, reduction: Reduction = 'mean', counted = data.length): Ref {
  if (reduction === 'none') return { shape, data }
  const total = data.reduce((a, b) => a + b, 0)
  return { shape: [], data: Float64Array.of(reduction === 'sum' ? total : total / counted) }
}

function crossEntropyOf(logits: Ref, target: Ref, { reduction, ignoreIndex }: Options): Ref {
  const classes = logits.shape[logits.shape.length - 1] ?? 0
  let counted = 0
  const losses = Float64Array.from(target.data, (t, r) => {
    if (t === ignoreIndex) return 0
    counted++
    const row = logits.data.slice(r * classes, (r + 1) * classes)
    const top = Math.max(...row)
    const total = row.reduce((sum, v) => sum + Math.exp(v - top), 0)
    return top + Math.log(total) - (row[Math.min(Math.max(t, 0), classes - 1)] as number)
  })
  return reduced({ shape: target.shape, data: losses }, reduction, Math.max(1, counted))
}

const classes = (
  shape: readonly number[],
  count: number,
): { shape: readonly number[]; dtype: 'i32'; range: [number, number] } => ({
  shape,
  dtype: 'i32',
  range: [0, count - 1],
})

const pairs: readonly Sample<Options>[] = [
  {
    inputs: [
      [5, 3],
      [5, 3],
    ],
    attrs: {},
  },
  { inputs: [[1], [1]], attrs: { reduction: 'sum' } },
  {
    inputs: [
      [2, 67],
      [2, 67],
    ],
    attrs: { reduction: 'none' },
  },
]

export const lossChecks: readonly OpCheck[] = [
  defineCheck<Options>({
    op: 'crossEntropy',
    call: ([logits, target], options) => crossEntropy(logits as Tensor, target as Tensor, options),
    reference: ([logits, target], options) => crossEntropyOf(logits as Ref, target as Ref, options),
    samples: [
      { inputs: [[7, 10], classes([7], 10)], attrs: {} },
      { inputs: [[1, 1], classes([1], 1)], attrs: {} },
      { inputs: [[4], classes([], 4)], attrs: {}, why: 'one row without a batch' },
      { inputs: [[2, 3, 5], classes([2, 3], 5)], attrs: { reduction: 'none' }, why: 'a row per time step' },
      { inputs: [[130, 67], { shape: [130], dtype: 'u32', range: [0, 66] }], attrs: { reduction: 'sum' } },
      { inputs: [{ shape: [3, 4], range: [90, 110] }, classes([3], 4)], attrs: {}, why: 'e ** x overflows' },
      { inputs: [[3, 4], { shape: [3], dtype: 'i32', values: [-1, 4, 2] }], attrs: {}, why: 'targets out of range' },
      { inputs: [[4, 3], { shape: [4], dtype: 'i32', values: [-100, 1, 2, -100] }], attrs: { ignoreIndex: -100 } },
      {
        inputs: [[2, 3], { shape: [2], dtype: 'i32', values: [-1] }],
        attrs: { ignoreIndex: -1 },
        why: 'all are ignored',
      },
      {
        inputs: [[3, 3], { shape: [3], dtype: 'i32', values: [0, 1, 2] }],
        attrs: { ignoreIndex: 1, reduction: 'none' },
      },
      { inputs: [[3, 600], classes([3], 600)], attrs: {}, why: 'rows long enough to be split' },
    ],
    fails: [
      {
        inputs: [[8, 10], classes([8, 1], 10)],
        attrs: {},
        message:
          "crossEntropy: logits are [8, 10] and target is [8, 1]; target must have the logits' shape without the last axis, [8]",
      },
      {
        inputs: [[8, 10], [8]],
        attrs: {},
        message: 'crossEntropy: target is f32; it must be i32 or u32, the number of the class',
      },
    ],
    differentiable: [0],
    kernels: ['gpu', 'software'],
    bench: [{ inputs: [[4096, 1000], classes([4096], 1000)], attrs: {} }],
  }),
  defineCheck<Options>({
    op: 'gradient of crossEntropy',
    call: ([logits, target, seed], options) =>
      grad(crossEntropy(logits as Tensor, target as Tensor, options), [logits as Tensor], seed as Tensor),
    reference: ([logits, target, seed]) => {
      const { shape, data } = logits as Ref
      const count = shape[1] as number
      return build(shape, ([row = 0, c = 0]) => {
        const powers = data.slice(row * count, (row + 1) * count).map(Math.exp)
        const p = (powers[c] as number) / powers.reduce((a, b) => a + b, 0)
        return ((seed as Ref).data[row] as number) * (p - ((target as Ref).data[row] === c ? 1 : 0))
      })
    },
    samples: [{ inputs: [[3, 5], classes([3], 5), [3]], attrs: { reduction: 'none' }, why: 'second order' }],
    differentiable: [0, 2],
  }),
  defineCheck<Options>({
    op: 'mseLoss',
    call: ([x, target], options) => mseLoss(x as Tensor, target as Tensor, options),
    reference: (inputs, { reduction }) =>
      reduced(
        elementwise(inputs, ([a = 0, b = 0]) => (a - b) ** 2),
        reduction,
      ),
    samples: pairs,
    fails: [
      { inputs: [[4, 1], [4]], attrs: {}, message: 'mseLoss: x is [4, 1] and target is [4]; both must have one shape' },
    ],
    differentiable: true,
  }),
  defineCheck<Options>({
    op: 'l1Loss',
    call: ([x, target], options) => l1Loss(x as Tensor, target as Tensor, options),
    reference: (inputs, { reduction }) =>
      reduced(
        elementwise(inputs, ([a = 0, b = 0]) => Math.abs(a - b)),
        reduction,
      ),
    samples: pairs,
    fails: [{ inputs: [[4], [5]], attrs: {}, message: 'l1Loss: x is [4] and target is [5]; both must have one shape' }],
    differentiable: true,
  }),
  defineCheck<Options>({
    op: 'bceWithLogits',
    call: ([logits, target], options) => bceWithLogits(logits as Tensor, target as Tensor, options),
    reference: (inputs, { reduction }) =>
      reduced(
        elementwise(inputs, ([x = 0, t = 0]) => Math.max(x, 0) - x * t + Math.log1p(Math.exp(-Math.abs(x)))),
        reduction,
      ),
    samples: [
      { inputs: [[5, 3], { shape: [5, 3], range: [0, 1] }], attrs: {} },
      {
        inputs: [
          { shape: [9], range: [-100, 100] },
          { shape: [9], values: [0, 1] },
        ],
        attrs: { reduction: 'none' },
        why: 'e ** x overflows',
      },
    ],
    fails: [
      {
        inputs: [[4], [4, 1]],
        attrs: {},
        message: 'bceWithLogits: logits is [4] and target is [4, 1]; both must have one shape',
      },
      {
        inputs: [[4], [4]],
        call: ([x, t]) => bceWithLogits(x as Tensor, t as Tensor, { reduction: 'avg' as Reduction }),
        message: "bceWithLogits: reduction is 'avg'; it must be 'mean', 'sum' or 'none'",
      },
    ],
    differentiable: true,
  }),
]
