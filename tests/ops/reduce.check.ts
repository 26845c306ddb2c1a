import { argmax, expand, logSumExp, max, mean, sum } from '../../src/index.ts'
import { defineCheck, type OpCheck, type Sample } from './check.ts'
import { type Axes, axesOf, bothKernels, places, reductionCheck } from './reduction-check.ts'
import { build, elementwise, position, reduce } from './reference.ts'

const lengths: Sample<Axes>[] = [63, 64, 65, 127, 255, 257].map((n) => ({
  inputs: [{ shape: [2, n] }],
  attrs: { axes: 1 },
  forwardOnly: true,
}))

const logSum = (values: readonly number[]): number => {
  const top = Math.max(...values)
  return top + Math.log(values.reduce((a, v) => a + Math.exp(v - top), 0))
}

export const reduceChecks: readonly OpCheck[] = [
  reductionCheck(
    'sum',
    sum,
    (values) => values.reduce((a, b) => a + b, 0),
    [
      ...places({}),
      ...lengths,
      { inputs: [[]], why: 'a scalar' },
      { inputs: [[1]] },
      { inputs: [[0, 3]], attrs: { axes: 0 }, why: 'nothing to add' },
      { inputs: [[0, 3]], attrs: { axes: 1 }, why: 'no outputs' },
      { inputs: [[130, 65]], attrs: { axes: 1 }, why: 'more outputs than a workgroup' },
      { inputs: [[66000]], forwardOnly: true, why: 'one output, in parts' },
      { inputs: [{ shape: [4, 70], dtype: 'i32' }], attrs: { axes: 1 } },
      { inputs: [{ shape: [4, 7], dtype: 'u32' }], attrs: { axes: 0 } },
      { inputs: [{ shape: [9, 9], dtype: 'bool' }], attrs: { axes: 0 }, why: 'counts' },
      { inputs: [{ shape: [3, 70], dtype: 'f16', step: 1 / 64 }], attrs: { axes: 1 }, forwardOnly: true },
    ],
    {
      tolerance: { forward: 5e-4, why: 'f16 results are rounded to 11 bits' },
      fails: [
        { inputs: [[2, 3]], attrs: { axes: 2 }, message: 'sum: axis 2 of a tensor of rank 2; axes run from -2 to 1' },
        {
          inputs: [[2, 3]],
          attrs: { axes: [0, -2] },
          message: 'sum: axes [0, 0] name one axis twice; each axis may appear once',
        },
        { inputs: [[]], attrs: { axes: 0 }, message: 'sum: axis 0 of a tensor of rank 0; a scalar has no axes' },
      ],
    },
  ),
  defineCheck({
    op: 'sum of a second grid row',
    call: ([x]) => sum(expand(x!, [65600, 64]), 1),
    reference: ([x]) => ({ shape: [65600], data: x!.data.map((v) => 64 * v) }),
    samples: [{ inputs: [{ shape: [65600, 1], values: [1, 2, 3, 5, 7, 11] }], forwardOnly: true }],
    differentiable: false,
  }),
  reductionCheck('mean', mean, (values) => values.reduce((a, b) => a + b, 0) / values.length, places({}), {
    kernels: ['software'],
    fails: [
      {
        inputs: [{ shape: [3], dtype: 'i32' }],
        message: 'mean: x is i32; it must be f32 or f16: convert it with cast',
      },
      {
        inputs: [[0, 3]],
        attrs: { axes: 0 },
        message: 'mean: axes [0] of [0, 3] hold no elements; there must be at least one',
      },
    ],
  }),
  reductionCheck(
    'max',
    max,
    (values) => Math.max(...values),
    [
      ...places({ step: 0.01 }),
      {
        inputs: [{ shape: [3, 4], values: [1, 5, 5, 2, -1, -3, -1, -2] }],
        attrs: { axes: 1 },
        why: 'two equal maxima',
      },
      { inputs: [{ shape: [3, 4], dtype: 'i32', range: [-9, -1] }], attrs: { axes: 1 } },
      { inputs: [{ shape: [3, 70], dtype: 'u32' }], attrs: { axes: 1 } },
      { inputs: [{ shape: [4], values: [-3e38, -2e38] }], forwardOnly: true, why: 'near the lowest number' },
    ],
    {
      fails: [
        {
          inputs: [[0, 3]],
          attrs: { axes: 0 },
          message: 'max: axes [0] of [0, 3] hold no elements; there must be at least one',
        },
      ],
    },
  ),
  defineCheck<{ axis?: number; keepdim?: boolean }>({
    op: 'argmax',
    call: ([x], { axis, keepdim } = {}) => argmax(x!, axis, keepdim),
    reference: ([x], { axis, keepdim = false } = {}) => {
      const flat = axis === undefined ? { shape: [x!.data.length], data: x!.data } : x!
      const axes = axesOf(flat.shape.length, axis ?? 0)
      return reduce(flat, axes, keepdim, (values) => values.indexOf(Math.max(...values)))
    },
    samples: [
      { inputs: [{ shape: [4, 7], step: 0.1 }] },
      { inputs: [{ shape: [4, 7], step: 0.1 }], attrs: { axis: 1 } },
      { inputs: [{ shape: [70, 3], step: 0.1 }], attrs: { axis: 0, keepdim: true } },
      { inputs: [{ shape: [3, 2, 130], range: [-5, -1] }], attrs: { axis: -1 } },
      { inputs: [{ shape: [5, 90], values: [0, 2, 1, 2, 2, 0, 1] }], attrs: { axis: 1 }, why: 'the first of equals' },
      { inputs: [{ shape: [90, 5], values: [3] }], attrs: { axis: 0 }, why: 'all equal' },
    ],
    differentiable: false,
    kernels: bothKernels,
    fails: [
      {
        inputs: [{ shape: [3], dtype: 'i32' }],
        message: 'argmax: x is i32; it must be f32 or f16',
      },
    ],
  }),
  reductionCheck('logSumExp', logSumExp, logSum, [
    ...places({}),
    { inputs: [{ shape: [2, 70], range: [100, 120] }], attrs: { axes: 1 }, why: 'exp would overflow' },
    { inputs: [{ shape: [2, 9], range: [-300, -100] }], attrs: { axes: 1 }, why: 'exp would underflow' },
    { inputs: [{ shape: [2, 2], values: [0, -1e30, 5, -3e38] }], attrs: { axes: 1 }, forwardOnly: true, why: 'masked' },
  ]),
  defineCheck<{ shape: readonly number[] }>({
    op: 'expand',
    call: ([x], { shape }) => expand(x!, shape),
    reference: ([x], { shape }) => build(shape, (at) => x!.data[position(x!.shape, at)] as number),
    samples: [
      { inputs: [[3, 1]], attrs: { shape: [3, 4] } },
      { inputs: [[2, 1, 3]], attrs: { shape: [5, 2, 4, 3] } },
      { inputs: [[]], attrs: { shape: [2, 2] } },
      { inputs: [[3]], attrs: { shape: [3] }, why: 'nothing to do' },
      { inputs: [[1, 3]], attrs: { shape: [0, 3] }, why: 'no copies' },
      { inputs: [{ shape: [1, 3], dtype: 'bool' }], attrs: { shape: [2, 3] } },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [[3, 2]],
        attrs: { shape: [3, 4] },
        message: 'expand: [3, 2] to [3, 4]; sizes must be equal or 1, from the last axis backwards',
      },
    ],
  }),
  defineCheck({
    op: 'reductions of expressions',
    call: ([x, y]) => sum(x!.mul(y!).exp(), 1).mul(2).add(y!.sum([], true).mean()),
    reference: ([x, y]) => {
      const product = elementwise([x!, y!], ([a = 0, b = 0]) => Math.exp(a * b))
      const sums = reduce(product, [1], false, (v) => 2 * v.reduce((a, b) => a + b, 0))
      const average = y!.data.reduce((a, b) => a + b, 0) / y!.data.length
      return elementwise([sums], ([s = 0]) => s + average)
    },
    samples: [{ inputs: [[3, 70], [70]] }, { inputs: [[5, 4], [4]] }],
    differentiable: true,
    kernels: bothKernels,
  }),
]
