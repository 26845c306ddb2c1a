import {
  flatten,
  pad,
  permute,
  reshape,
  type SliceRange,
  slice,
  squeeze,
  type Tensor,
  transpose,
  unsqueeze,
} from '../../src/index.ts'
import { defineCheck, type OpCheck, type Ref } from './check.ts'
import { build, count, position } from './reference.ts'

const at = (x: Ref, where: readonly number[]): number => x.data[position(x.shape, where)] as number

/** Positions along an axis that a range picks. */
function picked(range: SliceRange, size: number): number[] {
  const [start, end, step] = [range?.[0], range?.[1], range?.[2] ?? 1]
  const list: number[] = []
  const wrap = (v: number): number => (v < 0 ? v + size : v)
  const from = start === undefined ? 0 : wrap(start)
  if (step > 0) {
    const to = end === undefined || end === null ? size : wrap(end)
    for (let i = Math.max(0, from); i < Math.min(size, to); i += step) list.push(i)
  } else {
    const to = end === undefined || end === null ? -1 : wrap(end)
    for (let i = Math.min(size - 1, from); i > Math.max(-1, to); i += step) list.push(i)
  }
  return list
}

/** A check of a function that only gives the elements another shape. */
function reshaping(
  op: string,
  f: (x: Tensor, a: number, b: number) => Tensor,
  shapes: readonly (readonly [from: readonly number[], to: readonly number[], a?: number, b?: number])[],
  fails: OpCheck<{ to: readonly number[]; a: number; b: number }>['fails'] = [],
): OpCheck {
  return defineCheck<{ to: readonly number[]; a: number; b: number }>({
    op,
    call: ([x], { a, b }) => f(x!, a, b),
    reference: ([x], { to }) => ({ shape: to, data: x!.data }),
    samples: shapes.map(([from, to, a = 0, b = 0]) => ({ inputs: [from], attrs: { to, a, b } })),
    differentiable: true,
    fails,
  })
}

export const movementChecks: readonly OpCheck[] = [
  defineCheck<{ shape: readonly number[] }>({
    op: 'reshape',
    call: ([x], { shape }) => reshape(x!, shape),
    reference: ([x], { shape }) => {
      const known = shape.filter((s) => s >= 0)
      return { shape: shape.map((s) => (s < 0 ? x!.data.length / count(known) : s)), data: x!.data }
    },
    samples: [
      { inputs: [[2, 6]], attrs: { shape: [3, 4] } },
      { inputs: [[2, 6]], attrs: { shape: [-1, 2] } },
      { inputs: [[1]], attrs: { shape: [] }, why: 'to a scalar' },
      { inputs: [[]], attrs: { shape: [1, 1] } },
      { inputs: [[0, 3]], attrs: { shape: [3, 0, 2] } },
      { inputs: [{ shape: [4], dtype: 'bool' }], attrs: { shape: [2, 2] } },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [[2, 3]],
        attrs: { shape: [4, -1] },
        message: 'reshape: [2, 3] to [4, -1]; the 6 elements must fill the new shape exactly, with at most one -1',
      },
      {
        inputs: [[2, 3]],
        attrs: { shape: [-1, -1] },
        message: 'reshape: [2, 3] to [-1, -1]; the 6 elements must fill the new shape exactly, with at most one -1',
      },
    ],
  }),
  reshaping('flatten', (x, a, b) => flatten(x, a, b), [
    [[2, 3, 4], [24], 0, -1],
    [[2, 3, 4], [2, 12], 1, -1],
    [[2, 3, 4], [6, 4], 0, 1],
    [[], [1], 0, -1],
  ]),
  reshaping('unsqueeze', unsqueeze, [
    [[2, 3], [1, 2, 3], 0],
    [[2, 3], [2, 3, 1], -1],
  ]),
  reshaping(
    'squeeze',
    squeeze,
    [
      [[1, 3], [3], 0],
      [[2, 1], [2], -1],
    ],
    [
      {
        inputs: [[2, 3]],
        attrs: { to: [], a: 0, b: 0 },
        message: 'squeeze: axis 0 of [2, 3]; the axis must have size 1',
      },
    ],
  ),
  defineCheck<{ axes: readonly number[] }>({
    op: 'permute',
    call: ([x], { axes }) => permute(x!, axes),
    reference: ([x], { axes }) => {
      const list = axes.map((a) => (a < 0 ? a + axes.length : a))
      return build(
        list.map((a) => x!.shape[a] as number),
        (where) =>
          at(
            x!,
            list.map((_, d) => where[list.indexOf(d)] as number),
          ),
      )
    },
    samples: [
      { inputs: [[3, 5]], attrs: { axes: [1, 0] } },
      { inputs: [[2, 3, 4]], attrs: { axes: [2, 0, 1] } },
      { inputs: [[2, 3, 4, 5]], attrs: { axes: [0, -1, 2, 1] } },
      { inputs: [[2, 1, 4]], attrs: { axes: [1, 0, 2] }, why: 'moves only an axis of size 1' },
      { inputs: [[2, 3]], attrs: { axes: [0, 1] }, why: 'nothing to do' },
      { inputs: [[0, 3]], attrs: { axes: [1, 0] }, why: 'no elements' },
      { inputs: [{ shape: [2, 3, 2], dtype: 'i32' }], attrs: { axes: [2, 1, 0] } },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [[2, 3]],
        attrs: { axes: [0, 0] },
        message: 'permute: axes [0, 0] for a tensor of rank 2; each axis must appear once',
      },
    ],
  }),
  defineCheck<{ a?: number; b?: number }>({
    op: 'transpose',
    call: ([x], { a, b } = {}) => transpose(x!, a, b),
    reference: ([x], { a = -2, b = -1 } = {}) => {
      const rank = x!.shape.length
      const [i, j] = [(a + rank) % rank, (b + rank) % rank]
      const swap = (list: readonly number[]): number[] => list.map((v, d) => list[d === i ? j : d === j ? i : d] ?? v)
      return build(swap(x!.shape), (where) => at(x!, swap(where)))
    },
    samples: [{ inputs: [[2, 3, 4]] }, { inputs: [[2, 3, 4]], attrs: { a: 0, b: 2 } }],
    differentiable: true,
  }),
  defineCheck<{ ranges: readonly SliceRange[] }>({
    op: 'slice',
    call: ([x], { ranges }) => slice(x!, ranges),
    reference: ([x], { ranges }) => {
      const lists = x!.shape.map((size, d) => picked(ranges[d] ?? null, size))
      return build(
        lists.map((l) => l.length),
        (where) =>
          at(
            x!,
            where.map((v, d) => lists[d]?.[v] as number),
          ),
      )
    },
    samples: [
      { inputs: [[5, 4]], attrs: { ranges: [[1, 4]] } },
      { inputs: [[5, 4]], attrs: { ranges: [null, [-3, -1]] } },
      {
        inputs: [[7, 5]],
        attrs: {
          ranges: [
            [0, null, 3],
            [1, 5, 2],
          ],
        },
        why: 'steps',
      },
      { inputs: [[6]], attrs: { ranges: [[-1, null, -1]] }, why: 'backwards' },
      {
        inputs: [[7, 3]],
        attrs: {
          ranges: [
            [5, 0, -2],
            [2, null, -1],
          ],
        },
        why: 'backwards with steps',
      },
      { inputs: [[2, 5, 3]], attrs: { ranges: [null, [2, 3]] } },
      { inputs: [[4, 3]], attrs: { ranges: [[2, 2]] }, why: 'nothing' },
      { inputs: [[3]], attrs: { ranges: [[0, 10]] }, why: 'all, past the end' },
      { inputs: [{ shape: [4], dtype: 'bool' }], attrs: { ranges: [[1]] } },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [[3]],
        attrs: { ranges: [null, null] },
        message: 'slice: 2 ranges for [3]; give at most one range per axis',
      },
      {
        inputs: [[3]],
        attrs: { ranges: [[0, 3, 0]] },
        message: 'slice: step 0 on axis 0; a step is a whole number other than 0',
      },
    ],
  }),
  defineCheck<{ widths: readonly (readonly [number, number])[]; value?: number }>({
    op: 'pad',
    call: ([x], { widths, value }) => pad(x!, widths, value),
    reference: ([x], { widths, value = 0 }) => {
      const shape = x!.shape.map((s, d) => s + (widths[d]?.[0] ?? 0) + (widths[d]?.[1] ?? 0))
      return build(shape, (where) => {
        const inner = where.map((v, d) => v - (widths[d]?.[0] ?? 0))
        return inner.every((v, d) => v >= 0 && v < (x!.shape[d] as number)) ? at(x!, inner) : value
      })
    },
    samples: [
      {
        inputs: [[3, 4]],
        attrs: {
          widths: [
            [1, 2],
            [0, 3],
          ],
        },
      },
      {
        inputs: [[2, 3, 2]],
        attrs: {
          widths: [
            [0, 0],
            [2, 1],
            [0, 0],
          ],
          value: -1.5,
        },
      },
      { inputs: [[4]], attrs: { widths: [[0, 0]] }, why: 'nothing to do' },
      {
        inputs: [[0, 2]],
        attrs: {
          widths: [
            [1, 1],
            [0, 0],
          ],
          value: 2,
        },
        why: 'around nothing',
      },
      { inputs: [{ shape: [3], dtype: 'i32' }], attrs: { widths: [[1, 1]], value: -7 } },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [[3]],
        attrs: { widths: [[-1, 0]] },
        message: 'pad: widths [[-1,0]] for [3]; give [before, after] of at least 0 for every axis',
      },
    ],
  }),
]
