import { fail } from '../errors.ts'
import type { MapOp } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { formatShape, numel, sameShape } from '../shape.ts'

export const reshapeOp: MapOp<'x', { readonly shape: readonly number[] }> = {
  kind: 'map',
  name: 'reshape',
  inputs: ['x'],
  infer: ([x], { shape }) => [{ shape, dtype: (x as Spec).dtype }],
  emit: (w, i) => w.load(0, i),
  flops: () => 0,
  aligned: () => true,
  alias: true,
  moves: true,
  backward: ({ in: { x }, grad }) => ({ x: () => reshape(grad, x.shape) }),
  saves: ['x'],
  neutral: () => 0,
}

/** The same elements under another shape; one size may be -1 and is worked out. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const known = shape.filter((s) => s !== -1)
  const rest = numel(known)
  const sizes = shape.map((s) => (s === -1 ? x.size / rest : s))
  const holes = shape.length - known.length
  if (holes > 1 || sizes.some((s) => !Number.isInteger(s) || s < 0) || numel(sizes) !== x.size) {
    fail(
      'reshape',
      `${formatShape(x.shape)} to ${formatShape(shape)}`,
      `the ${x.size} elements must fill the new shape exactly, with at most one -1`,
    )
  }
  return sameShape(sizes, x.shape) ? x : call1(reshapeOp, [x], { shape: sizes })
}
