import type { DType } from '../dtype.ts'
import { fail } from '../errors.ts'
import { type KernelOp, type MapOp, needDtype } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { formatShape, normalizeAxis, numel } from '../shape.ts'
import { equal, where } from './arithmetic.ts'
import { cast } from './elementwise.ts'
import { type GatherShape, gatherGradCalls, takeGradCalls } from './gather-kernels.ts'
import { arange, unsqueeze } from './movement.ts'
import { clamped, clampIdOp } from './pick.ts'
import { reshape } from './reshape.ts'

type Along = { readonly axis: number }
/** A gradient cannot tell the size of the axis that was read. */
type Sized = Along & { readonly size: number }

function checkIds(op: string, name: string, ids: Spec): void {
  needDtype(op, name, ids, 'i32', 'u32')
}

function around(shape: readonly number[], axis: number, span = 1): { outer: number; inner: number } {
  return { outer: numel(shape.slice(0, axis)), inner: numel(shape.slice(axis + span)) }
}

export const gatherOp: MapOp<'x' | 'index', Along> = {
  kind: 'map',
  name: 'gather',
  inputs: ['x', 'index'],
  infer: ([x, index], { axis }) => {
    const [source, ids] = [x as Spec, index as Spec]
    checkIds('gather', 'index', ids)
    const fits =
      ids.shape.length === source.shape.length && ids.shape.every((s, d) => d === axis || s === source.shape[d])
    if (!fits) {
      fail(
        'gather',
        `x is ${formatShape(source.shape)} and index is ${formatShape(ids.shape)}`,
        `they must agree in every axis but ${axis}`,
      )
    }
    if (source.shape[axis] === 0 && numel(ids.shape) > 0) {
      fail('gather', `axis ${axis} of x ${formatShape(source.shape)} is empty`, 'there must be something to read')
    }
    return [{ shape: ids.shape, dtype: source.dtype }]
  },
  emit: (w, i, { inputs: [x, index], output, attrs: { axis } }) => {
    const size = (x as Spec).shape[axis] as number
    const { inner } = around(output.shape, axis)
    const id = clamped(w, w.load(1, i), (index as Spec).dtype, size)
    const outer = w.let(`${i} / ${inner * (output.shape[axis] as number)}u`)
    if (inner === 1) return w.load(0, w.let(`${outer} * ${size}u + ${id}`))
    return w.load(0, w.let(`(${outer} * ${size}u + ${id}) * ${inner}u + ${i} % ${inner}u`))
  },
  flops: () => 0,
  aligned: (input) => input === 1,
  backward: ({ in: { x, index }, grad, attrs: { axis } }) => ({
    x: () => spreadGather(grad, index, axis, x.shape[axis] as number),
    index: null,
  }),
  saves: ['x', 'index'],
}

/** The transpose of gather. With one id per line it is an expression, which joins whatever reads it. */
function spreadGather(grad: Tensor, index: Tensor, axis: number, size: number): Tensor {
  if (index.shape[axis] !== 1) return call1(gatherGradOp, [index, grad], { axis, size })
  const last = size - 1
  const id = call1(clampIdOp, [index], { last })
  const classes = reshape(
    arange(size),
    index.shape.map((_, d) => (d === axis ? size : 1)),
  )
  return where(equal(id, classes), grad, 0)
}

/** The transpose of gather, its sums taken in order; `size` is that of the axis that was read. */
export const gatherGradOp: KernelOp<'index' | 'dy', Sized> = {
  kind: 'kernel',
  name: 'gatherGrad',
  inputs: ['index', 'dy'],
  virtual: ['index'],
  epilogue: true,
  halfInputs: ['dy'],
  halfOutput: true,
  infer: ([, dy], { axis, size }) => {
    const { shape, dtype } = dy as Spec
    return [{ shape: shape.map((s, d) => (d === axis ? size : s)), dtype }]
  },
  lower: ({ inputs: [index], outputs: [dx], attrs: { axis, size } }) => {
    const ids = index as Spec
    const shape: GatherShape = { ...around((dx as Spec).shape, axis), size, count: ids.shape[axis] as number }
    return gatherGradCalls(shape, ids.dtype === 'i32')
  },
  cost: ([, dy], [dx]) => ({
    flops: numel((dy as Spec).shape),
    bytes: 4 * (2 * numel((dy as Spec).shape) + numel((dx as Spec).shape)),
  }),
  backward: ({ in: { index }, grad, attrs: { axis } }) => ({ index: null, dy: () => gather(grad, axis, index) }),
  saves: ['index'],
}

/**
 * Elements of x along an axis, by an index per element: `out[..., k, ...] = x[..., index[..., k, ...], ...]`. The index
 * (i32 or u32) has x's shape but for that axis, and so has the result. An index out of range reads the nearest element.
 */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  return call1(gatherOp, [x, index], { axis: normalizeAxis('gather', axis, x.shape.length) })
}

export const takeOp: MapOp<'x' | 'ids', Along> = {
  kind: 'map',
  name: 'take',
  inputs: ['x', 'ids'],
  infer: ([x, ids], { axis }) => {
    const { shape, dtype } = x as Spec
    checkIds('take', 'ids', ids as Spec)
    if (shape[axis] === 0 && numel((ids as Spec).shape) > 0) {
      fail('take', `axis ${axis} of x ${formatShape(shape)} is empty`, 'there must be something to read')
    }
    return [{ shape: [...shape.slice(0, axis), ...(ids as Spec).shape, ...shape.slice(axis + 1)], dtype }]
  },
  emit: (w, i, { inputs: [x, ids], attrs: { axis } }) => {
    const { shape } = x as Spec
    const size = shape[axis] as number
    const count = numel((ids as Spec).shape)
    const { outer, inner } = around(shape, axis)
    const slice = inner === 1 ? i : w.let(`${i} / ${inner}u`)
    const at = outer === 1 ? slice : w.let(`${slice} % ${count}u`)
    const id = clamped(w, w.load(1, at), (ids as Spec).dtype, size)
    const row = outer === 1 ? id : w.let(`${slice} / ${count}u * ${size}u + ${id}`)
    return w.load(0, inner === 1 ? row : w.let(`${row} * ${inner}u + ${i} % ${inner}u`))
  },
  flops: () => 0,
  aligned: (input, inputs, output, { axis }) =>
    input === 1 && axis === 0 && numel((inputs[1] as Spec).shape) === numel(output.shape),
  backward: ({ in: { x, ids }, grad, attrs: { axis } }) => ({
    x: () =>
      call1(takeGradOp, [reshape(ids, [ids.size]), grad], {
        axis,
        span: ids.shape.length,
        size: x.shape[axis] as number,
      }),
    ids: null,
  }),
  saves: ['x', 'ids'],
}

/** The transpose of take, its sums taken in order; `ids` is flat, and stands for `span` axes of dy. */
export const takeGradOp: KernelOp<'ids' | 'dy', Sized & { readonly span: number }> = {
  kind: 'kernel',
  name: 'takeGrad',
  inputs: ['ids', 'dy'],
  virtual: ['ids'],
  epilogue: true,
  halfInputs: ['dy'],
  halfOutput: true,
  infer: ([, dy], { axis, span, size }) => {
    const { shape, dtype } = dy as Spec
    return [{ shape: [...shape.slice(0, axis), size, ...shape.slice(axis + span)], dtype }]
  },
  lower: ({ inputs: [ids], outputs: [dx], attrs: { axis, size } }) => {
    const shape: GatherShape = { ...around((dx as Spec).shape, axis), size, count: numel((ids as Spec).shape) }
    return takeGradCalls(shape, (ids as Spec).dtype === 'i32')
  },
  cost: ([ids, dy], [dx]) => ({
    flops: numel((dy as Spec).shape),
    bytes: 4 * (numel((ids as Spec).shape) + numel((dy as Spec).shape) + numel((dx as Spec).shape)),
  }),
  backward: ({ in: { ids, dy }, grad, attrs: { axis } }) => ({
    ids: null,
    dy: () => reshape(take(grad, axis, ids), dy.shape),
  }),
  saves: ['ids', 'dy'],
}

/**
 * Slices of x along an axis, by their ids (i32 or u32, any shape, which takes the place of the axis). An id out of
 * range reads the nearest slice.
 */
export function take(x: Tensor, axis: number, ids: Tensor): Tensor {
  return call1(takeOp, [x, ids], { axis: normalizeAxis('take', axis, x.shape.length) })
}

/** Rows of a table: weight [V, D], ids i32 or u32 [...] -> [..., D]. An id out of range reads the nearest row. */
export function embedding(weight: Tensor, ids: Tensor): Tensor {
  if (weight.shape.length !== 2)
    fail('embedding', `weight is ${formatShape(weight.shape)}`, 'it must be [rows, features]')
  checkIds('embedding', 'ids', ids.value)
  return take(weight, 0, ids)
}

/** 1 at each id and 0 elsewhere: ids i32 or u32 [...] -> [..., classes]. An id out of range gives zeros alone. */
export function oneHot(ids: Tensor, classes: number, dtype: DType = 'f32'): Tensor {
  if (!Number.isInteger(classes) || classes < 1)
    fail('oneHot', `classes is ${classes}`, 'it must be a whole number of at least 1')
  checkIds('oneHot', 'ids', ids.value)
  return cast(equal(unsqueeze(cast(ids, 'i32'), -1), arange(classes)), dtype)
}
