import type { Tensor } from '../graph/tensor.ts'
import { normalizeAxis } from '../shape.ts'
import { maximum, minimum, mul } from './arithmetic.ts'
import { concat, slice } from './movement.ts'

/** Joins each element with the one 1, 2, 4, … places before it, until it has met all before it (Hillis and Steele 1986). */
function scanned(op: string, x: Tensor, axis: number, join: (a: Tensor, b: Tensor) => Tensor): Tensor {
  const along = normalizeAxis(op, axis, x.shape.length)
  const size = x.shape[along] as number
  const part = (of: Tensor, from: number, to: number): Tensor =>
    slice(
      of,
      x.shape.map((_, d) => (d === along ? ([from, to] as const) : null)),
    )
  let joined = x
  for (let by = 1; by < size; by *= 2) {
    const met = join(part(joined, by, size), part(joined, 0, size - by))
    joined = concat([part(joined, 0, by), met], along)
  }
  return joined
}

/** Running products along an axis: element k of a line is the product of its elements up to and with k. */
export function cumprod(x: Tensor, axis: number): Tensor {
  return scanned('cumprod', x, axis, mul)
}

/** Running largest elements along an axis. Ties share the gradient. */
export function cummax(x: Tensor, axis: number): Tensor {
  return scanned('cummax', x, axis, maximum)
}

/** Running smallest elements along an axis. Ties share the gradient. */
export function cummin(x: Tensor, axis: number): Tensor {
  return scanned('cummin', x, axis, minimum)
}
