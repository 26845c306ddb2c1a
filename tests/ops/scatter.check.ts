import { scatter, scatterAdd, type Tensor } from '../../src/index.ts'
import { defineCheck, type Failure, type InputSpec, type OpCheck, type Ref, type Sample } from './check.ts'
import { coordinates, position } from './reference.ts'

interface Along {
  readonly axis: number
}

const ids = (shape: readonly number[], values: readonly number[], dtype: 'i32' | 'u32' = 'i32'): InputSpec => ({
  shape,
  values,
  dtype,
})

function scattered(inputs: readonly Ref[], axis: number, combine: (old: number, value: number) => number): Ref {
  const [x, index, source] = inputs as [Ref, Ref, Ref]
  const a = axis < 0 ? axis + x.shape.length : axis
  const data = x.data.slice()
  index.data.forEach((id, i) => {
    const place = Math.min(Math.max(id, 0), (x.shape[a] as number) - 1)
    const at = position(x.shape, coordinates(index.shape, i).with(a, place))
    data[at] = combine(data[at] as number, source.data[i] as number)
  })
  return { shape: x.shape, data }
}

const samples: Sample<Along>[] = [
  { inputs: [[5], ids([3], [4, 0, 2]), [3]], attrs: { axis: 0 } },
  { inputs: [[3, 4], ids([3, 5], [1, 1, 3, 0, 1, 2, 2, 2]), [3, 5]], attrs: { axis: -1 }, why: 'several to one place' },
  { inputs: [[4, 3], ids([2, 3], [3, 0, 1, 3, 2, 1], 'u32'), [2, 3]], attrs: { axis: 0 } },
  { inputs: [[2, 3, 2], ids([2, 4, 2], [0, 2, 1, 1, 0, 2, 2]), [2, 4, 2]], attrs: { axis: 1 } },
  { inputs: [[3], ids([4], [-5, 9, 3, -1]), [4]], attrs: { axis: 0 }, why: 'out of range' },
  { inputs: [[3, 2], ids([0, 2], [0]), [0, 2]], attrs: { axis: 0 }, why: 'nothing to scatter' },
]

function failures(op: string): Failure<Along>[] {
  return [
    {
      inputs: [[3, 4], ids([3, 2], [0]), [3, 1]],
      attrs: { axis: 1 },
      message: `${op}: x is [3, 4], index is [3, 2] and source is [3, 1]; index and source must have one shape, which agrees with x in every axis but 1`,
    },
    {
      inputs: [[3], [2], [2]],
      attrs: { axis: 0 },
      message: `${op}: index is f32; it must be i32 or u32`,
    },
    {
      inputs: [[3], ids([2], [0]), ids([2], [0])],
      attrs: { axis: 0 },
      message: `${op}: x is f32 and source is i32; both must have one dtype`,
    },
    {
      inputs: [[0], ids([2], [0]), [2]],
      attrs: { axis: 0 },
      message: `${op}: axis 0 of x [0] is empty; there must be room for the source`,
    },
  ]
}

export const scatterChecks: readonly OpCheck[] = [
  defineCheck<Along>({
    op: 'scatterAdd',
    call: ([x, index, source], { axis }) => scatterAdd(x as Tensor, axis, index as Tensor, source as Tensor),
    reference: (inputs, { axis }) => scattered(inputs, axis, (old, value) => old + value),
    samples,
    fails: failures('scatterAdd'),
    differentiable: [0, 2],
  }),
  defineCheck<Along>({
    op: 'scatter',
    call: ([x, index, source], { axis }) => scatter(x as Tensor, axis, index as Tensor, source as Tensor),
    reference: (inputs, { axis }) => scattered(inputs, axis, (_, value) => value),
    samples: [
      ...samples,
      { inputs: [ids([4], [9]), ids([2], [1, 1]), ids([2], [5, 6])], attrs: { axis: 0 }, why: 'integers' },
    ],
    fails: failures('scatter'),
    differentiable: [0, 2],
  }),
]
