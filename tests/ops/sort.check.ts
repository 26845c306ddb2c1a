import { argsort, expand, sort, type Tensor, topk } from '../../src/index.ts'
import { defineCheck, type InputSpec, type OpCheck, type Ref } from './check.ts'
import { build, count, position, zeros } from './reference.ts'

/** NaN above all, -0 and 0 equal. */
function compareValues(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return a < b ? -1 : a > b ? 1 : 0
}

/** Values and indices of the first `wanted` in order. */
function firstOf(x: Ref, axis: number, descending: boolean, wanted?: number): [Ref, Ref] {
  const a = axis < 0 ? axis + x.shape.length : axis
  const size = x.shape[a] as number
  const indices = zeros(x.shape.with(a, wanted ?? size))
  const lines = build(x.shape.with(a, 1), () => 0)
  for (let line = 0; line < count(lines.shape); line++) {
    const inner = count(x.shape.slice(a + 1))
    const at = (k: number, length: number): number => (Math.floor(line / inner) * length + k) * inner + (line % inner)
    const list = Array.from({ length: size }, (_, k) => k)
    const value = (k: number): number => x.data[at(k, size)] as number
    list.sort((i, j) => (descending ? -1 : 1) * compareValues(value(i), value(j)) || i - j)
    list.slice(0, wanted ?? size).forEach((k, to) => {
      indices.data[at(to, wanted ?? size)] = k
    })
  }
  const values = build(
    indices.shape,
    (at, i) => x.data[position(x.shape, at.with(a, indices.data[i] as number))] as number,
  )
  return [values, indices]
}

interface Sorting {
  readonly axis?: number
  readonly descending?: boolean
}

const distinct = (...shape: number[]): InputSpec => ({ shape, step: 0.01 })
const both = ({ values, indices }: { values: Tensor; indices: Tensor }): Tensor[] => [values, indices]

export const sortChecks: readonly OpCheck[] = [
  defineCheck<Sorting>({
    op: 'sort',
    call: ([x], { axis, descending } = {}) => both(sort(x!, axis, descending)),
    reference: ([x], { axis = -1, descending = false } = {}) => firstOf(x!, axis, descending),
    samples: [
      { inputs: [distinct(1)] },
      { inputs: [distinct(4, 2)] },
      { inputs: [distinct(3, 7)], attrs: { descending: true } },
      { inputs: [distinct(5, 3)], attrs: { axis: 0 } },
      { inputs: [distinct(2, 9, 3)], attrs: { axis: 1, descending: true } },
      ...[31, 32, 33].map((n) => ({ inputs: [distinct(2, n)] })),
      { inputs: [{ shape: [2, 70], values: [3, 1, 2, 1, 3, 3, 0] }], forwardOnly: true, why: 'equal elements' },
      {
        inputs: [{ shape: [2, 70], values: [3, 1, 2, 1, 3, 3, 0] }],
        attrs: { descending: true },
        forwardOnly: true,
        why: 'equal elements',
      },
      { inputs: [distinct(512)], forwardOnly: true, why: 'several pairs for an invocation' },
      { inputs: [distinct(1025)], forwardOnly: true, why: 'longer than the network' },
      {
        inputs: [{ shape: [1100], values: [2, 0, 1], dtype: 'i32' }],
        attrs: { descending: true },
        why: 'longer, equal',
      },
      { inputs: [{ shape: [9], values: [-3, 5, 0, -2147483648, 2147483647], dtype: 'i32' }] },
      { inputs: [{ shape: [9], values: [3, 0, 4294967295], dtype: 'u32' }], attrs: { descending: true } },
      { inputs: [{ shape: [5], values: [1, 0, 1, 0, 0], dtype: 'bool' }] },
      { inputs: [[0, 3]], attrs: { axis: 0 }, forwardOnly: true, why: 'nothing to sort' },
      { inputs: [[0, 3]], attrs: { axis: 1 }, forwardOnly: true, why: 'no lines' },
    ],
    differentiable: true,
    kernels: ['software', 'gpu'],
    fails: [
      {
        inputs: [[40000]],
        message:
          'sort: axis 0 of [40000] has 40000 elements; at most 16384 can be sorted; topk finds up to 512 of any number',
      },
    ],
  }),
  defineCheck<Sorting>({
    op: 'argsort',
    call: ([x], { axis, descending } = {}) => argsort(x!, axis, descending),
    reference: ([x], { axis = -1, descending = false } = {}) => firstOf(x!, axis, descending)[1],
    samples: [false, true].map((descending) => ({
      inputs: [
        {
          shape: [11],
          values: [
            1,
            Number.NaN,
            0,
            -0,
            Number.POSITIVE_INFINITY,
            -1e-30,
            Number.NEGATIVE_INFINITY,
            -5,
            3e38,
            -3e38,
            1e-30,
          ],
        },
      ],
      attrs: { descending },
    })),
    differentiable: false,
  }),
  defineCheck<{ k: number; axis?: number; largest?: boolean }>({
    op: 'topk',
    call: ([x], { k, axis, largest }) => both(topk(x!, k, axis, largest)),
    reference: ([x], { k, axis = -1, largest = true }) => firstOf(x!, axis, largest, k),
    samples: [
      { inputs: [distinct(3, 7)], attrs: { k: 2 } },
      { inputs: [distinct(9, 4)], attrs: { k: 3, axis: 0, largest: false } },
      { inputs: [distinct(5)], attrs: { k: 5 }, why: 'all' },
      { inputs: [distinct(2, 2100)], attrs: { k: 3 }, why: 'in pieces' },
      { inputs: [distinct(1, 2048, 2)], attrs: { k: 2, axis: 1, largest: false }, why: 'in pieces that fit' },
      { inputs: [{ shape: [2500], values: [1, 2, 2] }], attrs: { k: 4 }, forwardOnly: true, why: 'equal, in pieces' },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [[2, 3]],
        attrs: { k: 4 },
        message: 'topk: k is 4 for axis 1 of [2, 3]; it must be a whole number from 1 to 3',
      },
    ],
  }),
  defineCheck({
    op: 'topk in shared memory',
    call: ([x]) => both(topk(x!, 3, 1)),
    reference: ([x]) => firstOf(x!, 1, true, 3),
    samples: [{ inputs: [distinct(3, 7, 2)] }],
    differentiable: true,
    kernels: ['gpu'],
  }),
  ...(
    [
      ['software', 2097200],
      ['gpu', 65600],
    ] as const
  ).map(([kernels, lines]) =>
    defineCheck({
      op: `argsort of a second grid row with ${kernels} kernels`,
      call: ([x]) => argsort(expand(x!, [lines, 2])).slice([[lines - 300]]),
      reference: () => build([300, 2], ([, k = 0]) => 1 - k),
      samples: [{ inputs: [{ shape: [1, 2], values: [2, 1] }] }],
      differentiable: false,
      kernels: [kernels],
    }),
  ),
]
