import { arange, cumsum, unsqueeze } from '../../src/index.ts'
import { defineCheck, type OpCheck } from './check.ts'
import { build, position } from './reference.ts'

export const scanChecks: readonly OpCheck[] = [
  defineCheck<{ axis: number }>({
    op: 'cumsum',
    call: ([x], { axis }) => cumsum(x!, axis),
    reference: ([x], { axis }) => {
      const along = axis < 0 ? axis + x!.shape.length : axis
      return build(x!.shape, (at) => {
        let sum = 0
        for (let k = 0; k <= (at[along] as number); k++) sum += x!.data[position(x!.shape, at.with(along, k))] as number
        return sum
      })
    },
    samples: [
      { inputs: [[1]], attrs: { axis: 0 } },
      { inputs: [[3, 5]], attrs: { axis: 1 } },
      { inputs: [[3, 5]], attrs: { axis: 0 } },
      { inputs: [[2, 7, 3]], attrs: { axis: -2 } },
      { inputs: [[67, 3]], attrs: { axis: 1 }, why: 'more lines than a workgroup' },
      { inputs: [[255]], attrs: { axis: 0 }, forwardOnly: true },
      { inputs: [[256]], attrs: { axis: 0 }, forwardOnly: true },
      { inputs: [[2, 257]], attrs: { axis: 1 }, why: 'in pieces' },
      { inputs: [[512, 2]], attrs: { axis: 0 }, why: 'in pieces that fit' },
      { inputs: [[0, 3]], attrs: { axis: 0 }, why: 'nothing to add' },
      { inputs: [[0, 3]], attrs: { axis: 1 }, why: 'no lines' },
      { inputs: [{ shape: [2, 9], dtype: 'i32' }], attrs: { axis: 1 } },
      { inputs: [{ shape: [300], dtype: 'u32' }], attrs: { axis: 0 } },
      { inputs: [{ shape: [9], dtype: 'bool' }], attrs: { axis: 0 }, why: 'counts' },
    ],
    differentiable: true,
    fails: [
      { inputs: [[3]], attrs: { axis: 1 }, message: 'cumsum: axis 1 of a tensor of rank 1; axes run from -1 to 0' },
    ],
  }),
  defineCheck({
    op: 'cumsum of a second grid row',
    call: ([x]) => cumsum(unsqueeze(arange(4194400).add(x!), 1), 1).slice([[4194200]]),
    reference: ([x]) => build([200, 1], ([i = 0]) => i + 4194200 + (x!.data[0] as number)),
    samples: [{ inputs: [{ shape: [1], dtype: 'i32', values: [3] }] }],
    differentiable: false,
  }),
]
