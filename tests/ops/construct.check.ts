import { eye, linspace, maskedFill, type Tensor, tril, triu } from '../../src/index.ts'
import { defineCheck, type OpCheck } from './check.ts'
import { build, elementwise } from './reference.ts'

function triangle(
  op: string,
  f: (x: Tensor, diagonal?: number) => Tensor,
  keeps: (offset: number, diagonal: number) => boolean,
): OpCheck {
  return defineCheck<{ diagonal?: number }>({
    op,
    call: ([x], { diagonal } = {}) => f(x!, diagonal),
    reference: ([x], { diagonal = 0 } = {}) =>
      build(x!.shape, (at, i) => (keeps((at.at(-1) ?? 0) - (at.at(-2) ?? 0), diagonal) ? (x!.data[i] as number) : 0)),
    samples: [
      { inputs: [[4, 4]] },
      { inputs: [[2, 3, 5]], attrs: { diagonal: 1 }, why: 'two matrices' },
      { inputs: [[5, 3]], attrs: { diagonal: -2 } },
      { inputs: [{ shape: [3, 3], dtype: 'i32' }] },
      { inputs: [{ shape: [3, 3], dtype: 'bool', values: [1] }] },
    ],
    differentiable: true,
    fails: [
      { inputs: [[3]], message: `${op}: x is [3]; it must have at least two axes` },
      { inputs: [[3, 3]], attrs: { diagonal: 0.5 }, message: `${op}: diagonal is 0.5; it must be a whole number` },
    ],
  })
}

export const constructChecks: readonly OpCheck[] = [
  defineCheck<{ rows: number; columns?: number }>({
    op: 'eye',
    call: (_, { rows, columns }) => eye(rows, columns),
    reference: (_, { rows, columns = rows }) => build([rows, columns], ([i, j]) => Number(i === j)),
    samples: [
      { inputs: [], attrs: { rows: 3 } },
      { inputs: [], attrs: { rows: 2, columns: 4 } },
      { inputs: [], attrs: { rows: 0 } },
    ],
    differentiable: false,
  }),
  defineCheck<{ start: number; end: number; count: number }>({
    op: 'linspace',
    call: (_, { start, end, count }) => linspace(start, end, count),
    reference: (_, { start, end, count }) =>
      build([count], ([i = 0]) => (count === 1 ? start : start + ((end - start) * i) / (count - 1))),
    samples: [
      { inputs: [], attrs: { start: -1, end: 2, count: 7 } },
      { inputs: [], attrs: { start: 5, end: 1, count: 4 } },
      { inputs: [], attrs: { start: 3, end: 9, count: 1 } },
      { inputs: [], attrs: { start: 3, end: 9, count: 0 } },
    ],
    differentiable: false,
  }),
  triangle('tril', tril, (offset, diagonal) => offset <= diagonal),
  triangle('triu', triu, (offset, diagonal) => offset >= diagonal),
  defineCheck<{ value: number }>({
    op: 'maskedFill',
    call: ([x, mask], { value }) => maskedFill(x!, mask!, value),
    reference: (inputs, { value }) => elementwise(inputs, ([x = 0, mask = 0]) => (mask ? value : x)),
    samples: [
      {
        inputs: [[3, 4], { shape: [4], dtype: 'bool', values: [0, 1, 1, 0] }],
        attrs: { value: -1e30 },
        forwardOnly: true,
      },
      { inputs: [[3, 4], { shape: [3, 1], dtype: 'bool', values: [1, 0, 1] }], attrs: { value: 2 } },
    ],
    differentiable: [0],
  }),
]
