import type { DType } from '../dtype.ts'
import type { ElementWriter, MapOp } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { equal, where } from './arithmetic.ts'
import { arange, unsqueeze } from './movement.ts'

/** An id limited to `size` slices, as u32. */
export function clamped(w: ElementWriter, id: string, dtype: DType, size: number): string {
  const last = Math.max(0, size - 1)
  return w.let(dtype === 'u32' ? `min(${id}, ${last}u)` : `u32(clamp(${id}, 0i, ${last}i))`)
}

export const clampIdOp: MapOp<'id', { readonly last: number }> = {
  kind: 'map',
  name: 'clampId',
  inputs: ['id'],
  infer: ([id]) => [{ shape: (id as Spec).shape, dtype: 'i32' }],
  emit: (w, i, { inputs, attrs }) => `i32(${clamped(w, w.load(0, i), (inputs[0] as Spec).dtype, attrs.last + 1)})`,
  flops: () => 0,
  aligned: () => true,
  backward: () => ({ id: null }),
  saves: [],
}

/** One element of each row: x [..., C], ids [...] -> [...]. The caller has checked shapes and dtypes. */
export const pickOp: MapOp<'x' | 'ids'> = {
  kind: 'map',
  name: 'pick',
  inputs: ['x', 'ids'],
  infer: ([x, ids]) => [{ shape: (ids as Spec).shape, dtype: (x as Spec).dtype }],
  emit: (w, i, { inputs: [x, ids] }) => {
    const size = (x as Spec).shape[(x as Spec).shape.length - 1] as number
    return w.load(0, w.let(`${i} * ${size}u + ${clamped(w, w.load(1, i), (ids as Spec).dtype, size)}`))
  },
  flops: () => 0,
  aligned: (input) => input === 1,
  // One id a row, so the gradient is an expression, which joins whatever reads it.
  backward: ({ in: { x, ids }, grad }) => ({
    x: () => {
      const size = x.shape[x.shape.length - 1] as number
      const id = call1(clampIdOp, [unsqueeze(ids, -1)], { last: size - 1 })
      return where(equal(id, arange(size)), unsqueeze(grad, -1), 0)
    },
    ids: null,
  }),
  saves: ['x', 'ids'],
}

/** x at the ids of its last axis; ids out of range count as the nearest. */
export function pick(x: Tensor, ids: Tensor): Tensor {
  return call1(pickOp, [x, ids])
}
