import type { DType } from '../dtype.ts'
import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { checkShape, formatShape } from '../shape.ts'
import { add, equal, greaterEqual, less, lessEqual, mul, sub, where } from './arithmetic.ts'
import { cast } from './elementwise.ts'
import { arange, unsqueeze } from './movement.ts'
import { expand } from './reduce.ts'
import { reshape } from './reshape.ts'

/** Ones on the diagonal and zeros elsewhere: [rows, columns], square unless given. */
export function eye(rows: number, columns: number = rows, dtype: DType = 'f32'): Tensor {
  checkShape('eye', [rows, columns])
  return cast(equal(unsqueeze(arange(rows), 1), arange(columns)), dtype)
}

/**
 * Coordinates of a grid: vectors [n], [m], … -> as many tensors [n, m, …], the k-th of which changes along axis k alone ('ij' indexing).
 */
export function meshgrid(...vectors: readonly Tensor[]): Tensor[] {
  const odd = vectors.findIndex((v) => v.shape.length !== 1)
  if (odd >= 0)
    fail('meshgrid', `vector ${odd} is ${formatShape((vectors[odd] as Tensor).shape)}`, 'it must have one axis')
  const shape = vectors.map((v) => v.size)
  return vectors.map((v, k) =>
    expand(
      reshape(
        v,
        shape.map((size, d) => (d === k ? size : 1)),
      ),
      shape,
    ),
  )
}

/** `count` numbers from start to end, both included, at equal distances, as f32. */
export function linspace(start: number, end: number, count: number): Tensor {
  checkShape('linspace', [count])
  const at = arange(count)
  const step = count > 1 ? (end - start) / (count - 1) : 0
  const up = add(mul(cast(at, 'f32'), step), start)
  if (count < 2) return up
  // From the nearer end, so that both are met exactly.
  const down = sub(end, mul(cast(sub(count - 1, at), 'f32'), step))
  return where(less(at, Math.ceil(count / 2)), up, down)
}

/** Column less row of each element of a matrix. */
function offsets(op: string, x: Tensor, diagonal: number): Tensor {
  if (x.shape.length < 2) fail(op, `x is ${formatShape(x.shape)}`, 'it must have at least two axes')
  if (!Number.isInteger(diagonal)) fail(op, `diagonal is ${diagonal}`, 'it must be a whole number')
  const [rows = 0, columns = 0] = x.shape.slice(-2)
  return sub(arange(columns), unsqueeze(arange(rows), 1))
}

/** The elements of matrices [..., rows, columns] on and below a diagonal (0: the main one, 1: the one above it), zeros elsewhere. */
export function tril(x: Tensor, diagonal = 0): Tensor {
  return where(lessEqual(offsets('tril', x, diagonal), diagonal), x, 0)
}

/** The elements of matrices [..., rows, columns] on and above a diagonal (0: the main one, 1: the one above it), zeros elsewhere. */
export function triu(x: Tensor, diagonal = 0): Tensor {
  return where(greaterEqual(offsets('triu', x, diagonal), diagonal), x, 0)
}

/** `value` where the mask (bool, broadcasting) holds, x elsewhere. */
export function maskedFill(x: Tensor, mask: Tensor, value: number): Tensor {
  return where(mask, value, x)
}
