import { arange, concat, full, ones, pad, permute, stack, zeros } from '../../src/index.ts'
import { defineCheck, type OpCheck, type Ref, type Sample } from './check.ts'
import { build, elementwise, position } from './reference.ts'

const at = (x: Ref, where: readonly number[]): number => x.data[position(x.shape, where)] as number

/** Joins references along an axis. */
function join(refs: readonly Ref[], axis: number): Ref {
  const first = refs[0]!
  const a = axis < 0 ? axis + first.shape.length : axis
  const sizes = refs.map((r) => r.shape[a] as number)
  const shape = first.shape.map((s, d) => (d === a ? sizes.reduce((p, q) => p + q, 0) : s))
  return build(shape, (where) => {
    let k = 0
    let along = where[a] as number
    while (along >= (sizes[k] as number)) along -= sizes[k++] as number
    return at(
      refs[k]!,
      where.map((v, d) => (d === a ? along : v)),
    )
  })
}

const concatSamples: Sample<{ axis: number }>[] = [
  {
    inputs: [
      [2, 3],
      [4, 3],
    ],
    attrs: { axis: 0 },
  },
  {
    inputs: [
      [2, 3],
      [2, 1],
      [2, 5],
    ],
    attrs: { axis: 1 },
  },
  {
    inputs: [
      [2, 2, 3],
      [2, 1, 3],
    ],
    attrs: { axis: -2 },
  },
  {
    inputs: [
      [2, 2],
      [2, 0],
      [2, 1],
    ],
    attrs: { axis: 1 },
    why: 'one is empty',
  },
  {
    inputs: [
      [0, 2],
      [0, 3],
    ],
    attrs: { axis: 1 },
    why: 'all are empty',
  },
  { inputs: [[3]], attrs: { axis: 0 }, why: 'one alone' },
  ...[4, 6, 7, 9].map((n) => ({ inputs: Array.from({ length: n }, (_, k) => [k % 3, 2]), attrs: { axis: 0 } })),
  {
    inputs: [
      { shape: [3], dtype: 'bool' as const },
      { shape: [2], dtype: 'bool' as const },
    ],
    attrs: { axis: 0 },
  },
]

export const joiningChecks: readonly OpCheck[] = [
  defineCheck<{ axis: number }>({
    op: 'concat',
    call: (all, { axis }) => concat(all, axis),
    reference: (all, { axis }) => join(all, axis),
    samples: concatSamples,
    differentiable: true,
    fails: [
      { attrs: { axis: 0 }, message: 'concat: no tensors; give at least one' },
      {
        inputs: [
          [2, 3],
          [2, 4],
        ],
        attrs: { axis: 0 },
        message: 'concat: f32 [2, 3] and f32 [2, 4]; all must have one dtype and agree in every axis but 0',
      },
    ],
  }),
  defineCheck<{ axis: number }>({
    op: 'stack',
    call: (all, { axis }) => stack(all, axis),
    reference: (all, { axis }) => {
      const a = axis < 0 ? axis + all[0]!.shape.length + 1 : axis
      const shape = [...all[0]!.shape.slice(0, a), all.length, ...all[0]!.shape.slice(a)]
      return build(shape, (where) =>
        at(
          all[where[a] as number]!,
          where.filter((_, d) => d !== a),
        ),
      )
    },
    samples: [
      {
        inputs: [
          [2, 3],
          [2, 3],
          [2, 3],
        ],
        attrs: { axis: 0 },
      },
      {
        inputs: [
          [2, 3],
          [2, 3],
        ],
        attrs: { axis: 1 },
      },
      {
        inputs: [
          [2, 3],
          [2, 3],
        ],
        attrs: { axis: -1 },
      },
      { inputs: [[], []], attrs: { axis: 0 }, why: 'scalars' },
    ],
    differentiable: true,
  }),
  defineCheck({
    op: 'arange, zeros, ones, full',
    call: () => [
      arange(7),
      arange(0),
      zeros([2, 3]),
      ones([3]),
      full([2], -2.5),
      full([2], 3, 'i32'),
      full([2], 1, 'bool'),
    ],
    reference: () => [
      build([7], (_, i) => i),
      build([0], () => 0),
      build([2, 3], () => 0),
      build([3], () => 1),
      build([2], () => -2.5),
      build([2], () => 3),
      build([2], () => 1),
    ],
    samples: [{ inputs: [] }],
    differentiable: false,
    fails: [
      {
        call: () => full([2], Number.NaN),
        message:
          'full: the value NaN for f32; shaders have no infinities or NaN; use a large finite number such as -3e38',
      },
      { call: () => arange(-1), message: 'arange: shape [-1] has the size -1; sizes are whole numbers of at least 0' },
    ],
  }),
  defineCheck({
    op: 'moves of expressions',
    call: ([x, y]) =>
      permute(
        pad(x!.exp(), [
          [1, 0],
          [0, 1],
        ]),
        [1, 0],
      )
        .mul(2)
        .add(concat([y!.neg(), y!.mul(y!)], 0)),
    reference: ([x, y]) => {
      const padded = build([x!.shape[1]! + 1, x!.shape[0]! + 1], ([j = 0, i = 0]) =>
        i >= 1 && j < x!.shape[1]! ? 2 * Math.exp(at(x!, [i - 1, j])) : 0,
      )
      const joined = join([elementwise([y!], ([v = 0]) => -v), elementwise([y!], ([v = 0]) => v * v)], 0)
      return elementwise([padded, joined], ([a = 0, b = 0]) => a + b)
    },
    samples: [
      {
        inputs: [
          [2, 5],
          [3, 3],
        ],
      },
    ],
    differentiable: true,
  }),
]
