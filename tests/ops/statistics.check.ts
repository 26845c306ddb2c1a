import { all, any, argmin, min, norm, prod, std, type Tensor, variance } from '../../src/index.ts'
import { defineCheck, type InputSpec, type OpCheck } from './check.ts'
import { axesOf, places, reductionCheck } from './reduction-check.ts'
import { reduce } from './reference.ts'

const product = (values: readonly number[]): number => values.reduce((a, b) => a * b, 1)
const squares = (values: readonly number[]): number => values.reduce((a, b) => a + b * b, 0)

function spread(values: readonly number[], correction: number): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  return values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - correction)
}

type Statistic = (x: Tensor, axes?: number | readonly number[], keepdim?: boolean, correction?: number) => Tensor

/** Variance or what is made of it. */
function spreadCheck(op: string, f: Statistic, of: (variance: number) => number): OpCheck {
  return defineCheck<{ axes?: number; keepdim?: boolean; correction?: number }>({
    op,
    call: ([x], { axes, keepdim, correction } = {}) => f(x!, axes, keepdim, correction),
    reference: ([x], { axes, keepdim = false, correction = 1 } = {}) =>
      reduce(x!, axesOf(x!.shape.length, axes), keepdim, (values) => of(spread(values, correction))),
    samples: [
      { inputs: [[3, 5]] },
      { inputs: [[3, 5]], attrs: { axes: 1, keepdim: true, correction: 0 } },
      { inputs: [[7, 3]], attrs: { axes: 0 } },
      { inputs: [{ shape: [2, 70], range: [1000, 1001] }], attrs: { axes: 1 }, why: 'far from 0' },
    ],
    differentiable: true,
    tolerance: { forward: 1e-3, backward: 1e-3, why: 'at 1000 the values have 14 bits behind the point' },
    fails: [
      {
        inputs: [[3, 1]],
        attrs: { axes: 1 },
        message:
          'variance: axes [1] of [3, 1] hold 1 elements, and correction is 1; there must be more elements than that',
      },
    ],
  })
}

/** `any` or `all`. */
function truth(op: string, f: Statistic, of: (values: number[]) => boolean): OpCheck {
  return reductionCheck(
    op,
    f,
    (values) => Number(of(values)),
    [
      { inputs: [{ shape: [4, 3], dtype: 'bool', values: [0, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0] }], attrs: { axes: 1 } },
      { inputs: [{ shape: [2, 70], values: [0, 0, 0.25, -1] }], attrs: { axes: 0, keepdim: true } },
      { inputs: [{ shape: [3], dtype: 'i32', values: [-1, 5, 2] }] },
      { inputs: [{ shape: [], dtype: 'bool', values: [1] }], why: 'a scalar' },
      { inputs: [[0, 2]], attrs: { axes: 0 }, why: 'of nothing' },
    ],
    { differentiable: false, kernels: ['software'] },
  )
}

const lengths = (p: number, values: readonly number[]): number =>
  p === 2
    ? Math.sqrt(squares(values))
    : values.reduce((a, v) => (p === 1 ? a + Math.abs(v) : Math.max(a, Math.abs(v))), 0)

const zeros = (
  values: readonly number[],
  axes: number,
): { inputs: InputSpec[]; attrs: { axes: number }; why: string } => ({
  inputs: [{ shape: [3, 4], values }],
  attrs: { axes },
  why: 'zeros',
})

export const statisticsChecks: readonly OpCheck[] = [
  reductionCheck(
    'min',
    min,
    (values) => Math.min(...values),
    [
      ...places({ step: 0.01 }),
      { inputs: [{ shape: [3, 4], dtype: 'i32', range: [1, 9] }], attrs: { axes: 1 } },
      { inputs: [{ shape: [3, 70], dtype: 'u32', range: [3, 9] }], attrs: { axes: 1 } },
      { inputs: [{ shape: [4], values: [3e38, 2e38] }], forwardOnly: true, why: 'near the highest number' },
    ],
    {
      fails: [
        {
          inputs: [[0, 3]],
          attrs: { axes: 0 },
          message: 'min: axes [0] of [0, 3] hold no elements; there must be at least one',
        },
      ],
    },
  ),
  reductionCheck('prod', prod, product, [
    ...places({ range: [0.8, 1.2] }),
    zeros([1, 2, -3, 0.5, 0, 2, 3, 4, 0, 5, 0, 6], 1),
    zeros([0, 2, 0, 3], 0),
    { inputs: [[0, 3]], attrs: { axes: 0 }, why: 'of nothing' },
    { inputs: [{ shape: [3, 5], dtype: 'i32' }], attrs: { axes: 1 } },
  ]),
  defineCheck<{ axis?: number; keepdim?: boolean }>({
    op: 'argmin',
    call: ([x], { axis, keepdim } = {}) => argmin(x!, axis, keepdim),
    reference: ([x], { axis, keepdim = false } = {}) => {
      const flat = axis === undefined ? { shape: [x!.data.length], data: x!.data } : x!
      return reduce(flat, axesOf(flat.shape.length, axis ?? 0), keepdim, (v) => v.indexOf(Math.min(...v)))
    },
    samples: [
      { inputs: [{ shape: [4, 7], step: 0.1 }] },
      { inputs: [{ shape: [5, 9], values: [2, 1, 3, 1, 1] }], attrs: { axis: 1 }, why: 'the first of equals' },
      { inputs: [{ shape: [9, 3], step: 0.1 }], attrs: { axis: 0, keepdim: true } },
    ],
    differentiable: false,
    fails: [{ inputs: [{ shape: [3], dtype: 'i32' }], message: 'argmin: x is i32; it must be f32 or f16' }],
  }),
  truth('any', any, (values) => values.some((v) => v !== 0)),
  truth('all', all, (values) => values.every((v) => v !== 0)),
  spreadCheck('variance', variance, (v) => v),
  spreadCheck('std', std, Math.sqrt),
  defineCheck<{ p: number; axes?: number; keepdim?: boolean }>({
    op: 'norm',
    call: ([x], { p, axes, keepdim }) => norm(x!, p, axes, keepdim),
    reference: ([x], { p, axes, keepdim = false }) =>
      reduce(x!, axesOf(x!.shape.length, axes), keepdim, (values) => lengths(p, values)),
    samples: [1, 2, Number.POSITIVE_INFINITY].flatMap((p) => [
      { inputs: [{ shape: [3, 5], step: 0.1 }], attrs: { p } },
      { inputs: [{ shape: [4, 3], step: 0.1 }], attrs: { p, axes: 1, keepdim: true } },
      { inputs: [{ shape: [2, 3], values: [0] }], attrs: { p, axes: 0 }, why: 'the slope at 0 is 0' },
    ]),
    differentiable: true,
    fails: [{ inputs: [[2]], attrs: { p: 3 }, message: 'norm: p is 3; it must be 1, 2 or Infinity' }],
  }),
]
