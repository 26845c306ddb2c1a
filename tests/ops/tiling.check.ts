import { chunk, flip, repeatInterleave, roll, split, type Tensor, tile } from '../../src/index.ts'
import { defineCheck, type OpCheck, type Ref } from './check.ts'
import { build, position } from './reference.ts'

const at = (x: Ref, where: readonly number[]): number => x.data[position(x.shape, where)] as number

/** The parts of x along an axis, by where they start and end. */
function parts(x: Ref, axis: number, cuts: readonly number[]): Ref[] {
  return cuts.slice(1).map((end, k) => {
    const start = cuts[k] as number
    return build(x.shape.with(axis, end - start), (where) => at(x, where.with(axis, (where[axis] as number) + start)))
  })
}

const wrap = (i: number, size: number): number => ((i % size) + size) % size

export const tilingChecks: readonly OpCheck[] = [
  defineCheck<{ sizes: number | readonly number[]; axis: number; cuts: readonly number[] }>({
    op: 'split',
    call: ([x], { sizes, axis }) => split(x!, sizes, axis),
    reference: ([x], { axis, cuts }) => parts(x!, axis < 0 ? axis + x!.shape.length : axis, cuts),
    samples: [
      { inputs: [[7, 2]], attrs: { sizes: 3, axis: 0, cuts: [0, 3, 6, 7] } },
      { inputs: [[2, 4]], attrs: { sizes: 2, axis: -1, cuts: [0, 2, 4] } },
      { inputs: [[2, 3]], attrs: { sizes: 5, axis: 1, cuts: [0, 3] }, why: 'one part' },
      { inputs: [[5, 2]], attrs: { sizes: [1, 0, 4], axis: 0, cuts: [0, 1, 1, 5] } },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [[5]],
        attrs: { sizes: [2, 2], axis: 0, cuts: [] },
        message: 'split: sizes [2, 2] for axis 0 of [5]; they must add up to 5',
      },
      {
        inputs: [[5]],
        attrs: { sizes: 0, axis: 0, cuts: [] },
        message: 'split: size is 0; it must be a whole number of at least 1',
      },
    ],
  }),
  defineCheck<{ count: number; axis?: number; cuts: readonly number[] }>({
    op: 'chunk',
    call: ([x], { count, axis }) => chunk(x!, count, axis),
    reference: ([x], { axis = 0, cuts }) => parts(x!, axis, cuts),
    samples: [
      { inputs: [[7, 2]], attrs: { count: 3, cuts: [0, 3, 6, 7] } },
      { inputs: [[2, 5]], attrs: { count: 4, axis: 1, cuts: [0, 2, 4, 5] }, why: 'fewer parts than asked for' },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [[5]],
        attrs: { count: 0, cuts: [] },
        message: 'chunk: count is 0; it must be a whole number of at least 1',
      },
    ],
  }),
  defineCheck<{ axes?: number | readonly number[]; list: readonly number[] }>({
    op: 'flip',
    call: ([x], { axes }) => flip(x!, axes),
    reference: ([x], { list }) =>
      build(x!.shape, (where) =>
        at(
          x!,
          where.map((v, d) => (list.includes(d) ? (x!.shape[d] as number) - 1 - v : v)),
        ),
      ),
    samples: [
      { inputs: [[3, 4]], attrs: { list: [0, 1] } },
      { inputs: [[2, 3, 4]], attrs: { axes: 1, list: [1] } },
      { inputs: [[2, 1, 4]], attrs: { axes: [-1, 1], list: [2] } },
      { inputs: [[0, 3]], attrs: { axes: 0, list: [0] }, why: 'nothing' },
    ],
    differentiable: true,
  }),
  defineCheck<{ shift: number; axis: number }>({
    op: 'roll',
    call: ([x], { shift, axis }) => roll(x!, shift, axis),
    reference: ([x], { shift, axis }) =>
      build(x!.shape, (where) =>
        at(x!, where.with(axis, wrap((where[axis] as number) - shift, x!.shape[axis] as number))),
      ),
    samples: [
      { inputs: [[5, 2]], attrs: { shift: 2, axis: 0 } },
      { inputs: [[2, 5]], attrs: { shift: -1, axis: 1 } },
      { inputs: [[5]], attrs: { shift: 13, axis: 0 }, why: 'further than the axis' },
      { inputs: [[5]], attrs: { shift: -10, axis: 0 }, why: 'all the way around' },
      { inputs: [[0, 2]], attrs: { shift: 1, axis: 0 }, why: 'nothing' },
    ],
    differentiable: true,
    fails: [
      { inputs: [[3]], attrs: { shift: 0.5, axis: 0 }, message: 'roll: shift is 0.5; it must be a whole number' },
    ],
  }),
  defineCheck<{ counts: readonly number[]; shape: readonly number[] }>({
    op: 'tile',
    call: ([x], { counts }) => tile(x as Tensor, counts),
    reference: ([x], { shape }) => {
      const lead = shape.length - x!.shape.length
      return build(shape, (where) =>
        at(
          x!,
          x!.shape.map((size, d) => (where[lead + d] as number) % size),
        ),
      )
    },
    samples: [
      { inputs: [[2, 3]], attrs: { counts: [3, 2], shape: [6, 6] } },
      { inputs: [[3]], attrs: { counts: [2, 2], shape: [2, 6] }, why: 'a new axis' },
      { inputs: [[2, 3]], attrs: { counts: [2], shape: [2, 6] }, why: 'the last axis alone' },
      { inputs: [[2, 3]], attrs: { counts: [0, 1], shape: [0, 3] }, why: 'no copies' },
      { inputs: [{ shape: [2], dtype: 'bool' }], attrs: { counts: [2], shape: [4] } },
    ],
    differentiable: true,
    fails: [
      {
        inputs: [[3]],
        attrs: { counts: [-1], shape: [] },
        message: 'tile: counts [-1]; each must be a whole number of at least 0',
      },
    ],
  }),
  defineCheck<{ count: number; axis: number }>({
    op: 'repeatInterleave',
    call: ([x], { count, axis }) => repeatInterleave(x!, count, axis),
    reference: ([x], { count, axis }) =>
      build(x!.shape.with(axis, (x!.shape.at(axis) as number) * count), (where) =>
        at(x!, where.with(axis, Math.floor((where.at(axis) as number) / count))),
      ),
    samples: [
      { inputs: [[2, 3]], attrs: { count: 2, axis: 0 } },
      { inputs: [[2, 3]], attrs: { count: 3, axis: -1 } },
    ],
    differentiable: true,
  }),
]
