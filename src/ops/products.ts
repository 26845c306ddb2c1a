import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { formatShape, normalizeAxis } from '../shape.ts'
import { add, div, equal, greater, maximum, mul, sub, where } from './arithmetic.ts'
import { matmul } from './matmul.ts'
import { arange, unsqueeze } from './movement.ts'
import { sum } from './reduce.ts'
import { norm } from './statistics.ts'
import { relu, sqrt, square } from './unary.ts'

function needVectors(op: string, a: Tensor, b: Tensor): void {
  if (a.shape.length !== 1 || b.shape.length !== 1)
    fail(op, `a is ${formatShape(a.shape)} and b is ${formatShape(b.shape)}`, 'both must have one axis')
}

/** The sum of products of two vectors: a and b [n] -> scalar. */
export function dot(a: Tensor, b: Tensor): Tensor {
  needVectors('dot', a, b)
  if (a.size !== b.size)
    fail('dot', `a is ${formatShape(a.shape)} and b is ${formatShape(b.shape)}`, 'both must be equally long')
  return sum(mul(a, b))
}

/** Every product of an element of one vector with one of another: a [n], b [m] -> [n, m]. */
export function outer(a: Tensor, b: Tensor): Tensor {
  needVectors('outer', a, b)
  return mul(unsqueeze(a, 1), b)
}

/** A diagonal of matrices (0: the main one, 1: the one above it): x [..., rows, columns] -> [..., length]. */
export function diagonal(x: Tensor, offset = 0): Tensor {
  const [rows = 0, columns = 0] = x.shape.slice(-2)
  if (x.shape.length < 2) fail('diagonal', `x is ${formatShape(x.shape)}`, 'it must have at least two axes')
  if (!Number.isInteger(offset) || offset <= -rows || offset >= columns)
    fail('diagonal', `offset is ${offset} for ${formatShape(x.shape)}`, `it must be from ${1 - rows} to ${columns - 1}`)
  const length = Math.min(rows - Math.max(0, -offset), columns - Math.max(0, offset))
  const [top, left] = [Math.max(0, -offset), Math.max(0, offset)]
  const block = x.slice([...x.shape.slice(0, -2).map(() => null), [top, top + length], [left, left + length]])
  return sum(where(equal(unsqueeze(arange(length), 1), arange(length)), block, 0), -1)
}

/** The sum of the main diagonal: x [..., rows, columns] -> [...]. */
export function trace(x: Tensor): Tensor {
  return sum(diagonal(x), -1)
}

/** x with vectors along an axis (the last unless given) of length 1; those shorter than `eps` are divided by `eps` (1e-12 unless given). */
export function normalize(x: Tensor, axis = -1, eps = 1e-12): Tensor {
  const along = normalizeAxis('normalize', axis, x.shape.length)
  return div(x, maximum(norm(x, 2, along, true), eps))
}

/** Distances between the rows of two sets: a [..., n, d], b [..., m, d] -> [..., n, m]. The slope at distance 0 is 0. */
export function cdist(a: Tensor, b: Tensor): Tensor {
  const size = a.shape[a.shape.length - 1]
  if (a.shape.length < 2 || b.shape.length < 2 || size !== b.shape[b.shape.length - 1]) {
    const shown = `a is ${formatShape(a.shape)} and b is ${formatShape(b.shape)}`
    fail('cdist', shown, 'both must have at least two axes, the last of one size')
  }
  const squares = sum(square(sub(unsqueeze(a, -2), unsqueeze(b, -3))), -1)
  const some = greater(squares, 0)
  return where(some, sqrt(where(some, squares, 1)), 0)
}

/**
 * Squared distances between the rows of two sets by one matrix product: a [..., n, d], b [..., m, d] -> [..., n, m]. Takes no memory of
 * n m d, and loses digits where rows are much nearer to each other than to 0.
 */
export function squaredDistances(a: Tensor, b: Tensor): Tensor {
  const lengths = add(unsqueeze(sum(square(a), -1), -1), unsqueeze(sum(square(b), -1), -2))
  return relu(sub(lengths, mul(matmul(a, b, { transB: true }), 2)))
}
