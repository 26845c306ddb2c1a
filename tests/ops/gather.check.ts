import { call1 } from '../../src/graph/tensor.ts'
import { embedding, gather, oneHot, type Tensor, take } from '../../src/index.ts'
import { gatherGradOp, takeGradOp } from '../../src/ops/gather.ts'
import { defineCheck, type InputSpec, type OpCheck, type Ref } from './check.ts'
import { build, position, zeros } from './reference.ts'

interface Along {
  readonly axis: number
}
interface Sized extends Along {
  readonly size: number
}

const limited = (id: number, size: number): number => Math.min(Math.max(id, 0), size - 1)
const ids = (shape: readonly number[], count: number, dtype: 'i32' | 'u32' = 'i32'): InputSpec => ({
  shape,
  dtype,
  range: [0, count - 1],
})

function gathered(x: Ref, index: Ref, axis: number): Ref {
  return build(index.shape, (at, i) => {
    const id = limited(index.data[i] as number, x.shape[axis] as number)
    return x.data[position(x.shape, at.with(axis, id))] as number
  })
}

function taken(x: Ref, list: Ref, axis: number): Ref {
  const shape = [...x.shape.slice(0, axis), ...list.shape, ...x.shape.slice(axis + 1)]
  const span = list.shape.length
  return build(shape, (at) => {
    const id = limited(list.data[position(list.shape, at.slice(axis, axis + span))] as number, x.shape[axis] as number)
    return x.data[position(x.shape, [...at.slice(0, axis), id, ...at.slice(axis + span)])] as number
  })
}

export const gatherChecks: readonly OpCheck[] = [
  defineCheck<Along>({
    op: 'gather',
    call: ([x, index], { axis }) => gather(x as Tensor, axis, index as Tensor),
    reference: ([x, index], { axis }) =>
      gathered(x as Ref, index as Ref, (axis + (x as Ref).shape.length) % (x as Ref).shape.length),
    samples: [
      { inputs: [[1], ids([1], 1)], attrs: { axis: 0 } },
      { inputs: [[5, 7], ids([5, 1], 7)], attrs: { axis: -1 }, why: 'one index per row' },
      { inputs: [[5, 7], ids([1, 7], 5)], attrs: { axis: 0 }, why: 'one index per column' },
      { inputs: [[5, 7], ids([5, 9], 7, 'u32')], attrs: { axis: 1 }, why: 'more indices than elements' },
      { inputs: [[2, 3, 5], ids([2, 4, 5], 3)], attrs: { axis: 1 } },
      {
        inputs: [[3, 4], { shape: [3, 2], dtype: 'i32', values: [-1, 4, 0, 3, 9, 9] }],
        attrs: { axis: 1 },
        why: 'out of range',
      },
      {
        inputs: [[3, 4], { shape: [3, 1], dtype: 'i32', values: [-1, 4, 9] }],
        attrs: { axis: 1 },
        why: 'out of range',
      },
      { inputs: [[3, 4], ids([3, 0], 4)], attrs: { axis: 1 }, why: 'no indices' },
      { inputs: [{ shape: [2, 4], dtype: 'i32' }, ids([2, 3], 4)], attrs: { axis: 1 }, why: 'integers' },
    ],
    fails: [
      {
        inputs: [[3, 4], ids([2, 1], 4)],
        attrs: { axis: 1 },
        message: 'gather: x is [3, 4] and index is [2, 1]; they must agree in every axis but 1',
      },
      {
        inputs: [
          [3, 4],
          [3, 1],
        ],
        attrs: { axis: 1 },
        message: 'gather: index is f32; it must be i32 or u32',
      },
      {
        inputs: [[3, 0], ids([3, 1], 4)],
        attrs: { axis: 1 },
        message: 'gather: axis 1 of x [3, 0] is empty; there must be something to read',
      },
    ],
    differentiable: [0],
  }),
  defineCheck<Along>({
    op: 'take',
    call: ([x, list], { axis }) => take(x as Tensor, axis, list as Tensor),
    reference: ([x, list], { axis }) => taken(x as Ref, list as Ref, axis),
    samples: [
      { inputs: [[5, 3], ids([4], 5)], attrs: { axis: 0 } },
      { inputs: [[2, 5, 3], ids([2, 2], 5)], attrs: { axis: 1 }, why: 'ids of two axes' },
      { inputs: [[3, 7], ids([9], 7, 'u32')], attrs: { axis: 1 } },
      { inputs: [[4, 3], ids([], 4)], attrs: { axis: 0 }, why: 'a single id' },
      {
        inputs: [[4, 3], { shape: [4], dtype: 'i32', values: [-7, 9, 0, 3] }],
        attrs: { axis: 0 },
        why: 'out of range',
      },
      { inputs: [[4, 3], ids([0], 4)], attrs: { axis: 0 }, why: 'no ids' },
    ],
    fails: [
      { inputs: [[3, 4], [3]], attrs: { axis: 0 }, message: 'take: ids is f32; it must be i32 or u32' },
      {
        inputs: [[0, 4], ids([3], 1)],
        attrs: { axis: 0 },
        message: 'take: axis 0 of x [0, 4] is empty; there must be something to read',
      },
    ],
    differentiable: [0],
  }),
  defineCheck({
    op: 'embedding',
    call: ([weight, list]) => embedding(weight as Tensor, list as Tensor),
    reference: ([weight, list]) => taken(weight as Ref, list as Ref, 0),
    samples: [
      { inputs: [[50, 8], ids([4, 7], 50)] },
      { inputs: [[3, 65], ids([130], 3)], why: 'every row is read many times' },
      { inputs: [[1, 1], ids([1], 1)] },
    ],
    fails: [
      { inputs: [[3], ids([1], 3)], message: 'embedding: weight is [3]; it must be [rows, features]' },
      { inputs: [[3, 2], [1]], message: 'embedding: ids is f32; it must be i32 or u32' },
    ],
    differentiable: [0],
    bench: [{ inputs: [[30000, 256], ids([4096], 30000)] }],
  }),
  defineCheck<Sized>({
    op: 'gatherGrad',
    call: ([index, dy], attrs) => call1(gatherGradOp, [index as Tensor, dy as Tensor], { ...attrs }),
    reference: ([index, dy], { axis, size }) => {
      const [list, grad] = [index as Ref, dy as Ref]
      const dx = zeros(grad.shape.with(axis, size))
      build(grad.shape, (at, i) => {
        const to = position(dx.shape, at.with(axis, limited(list.data[i] as number, size)))
        dx.data[to] = (dx.data[to] as number) + (grad.data[i] as number)
        return 0
      })
      return dx
    },
    samples: [{ inputs: [ids([3, 5, 2], 4), [3, 5, 2]], attrs: { axis: 1, size: 4 }, why: 'second order' }],
    differentiable: [1],
  }),
  defineCheck<Sized>({
    op: 'takeGrad',
    call: ([list, dy], attrs) => call1(takeGradOp, [list as Tensor, dy as Tensor], { ...attrs, span: 1 }),
    reference: ([list, dy], { axis, size }) => {
      const grad = dy as Ref
      const dx = zeros(grad.shape.with(axis, size))
      build(grad.shape, (at, i) => {
        const id = limited((list as Ref).data[at[axis] as number] as number, size)
        const to = position(dx.shape, at.with(axis, id))
        dx.data[to] = (dx.data[to] as number) + (grad.data[i] as number)
        return 0
      })
      return dx
    },
    samples: [{ inputs: [ids([6], 4), [2, 6, 3]], attrs: { axis: 1, size: 4 }, why: 'second order' }],
    differentiable: [1],
  }),
  defineCheck({
    op: 'oneHot',
    call: ([list]) => oneHot(list as Tensor, 5),
    reference: ([list]) => {
      const r = list as Ref
      return build([...r.shape, 5], (at) =>
        (r.data[position(r.shape, at.slice(0, -1))] as number) === at.at(-1) ? 1 : 0,
      )
    },
    samples: [
      { inputs: [{ shape: [7], dtype: 'i32', values: [0, 4, 5, -1, 2, 2, 3] }] },
      { inputs: [ids([2, 3], 5, 'u32')] },
      { inputs: [ids([], 5)] },
    ],
    fails: [
      { inputs: [[2]], message: 'oneHot: ids is f32; it must be i32 or u32' },
      {
        inputs: [ids([2], 5)],
        call: ([x]) => oneHot(x as Tensor, 0),
        message: 'oneHot: classes is 0; it must be a whole number of at least 1',
      },
    ],
    differentiable: false,
  }),
]
