import { isFloat } from '../dtype.ts'
import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { formatShape, normalizeAxes, numel } from '../shape.ts'
import { equal, greater, logicalNot, mul, neg, sub, where } from './arithmetic.ts'
import { cast } from './elementwise.ts'
import { type Axes, argmax, max, mean, sum } from './reduce.ts'
import { abs, sqrt, square } from './unary.ts'

/**
 * Position of the smallest element along an axis, the first of equals, as i32; without an axis, in the flattened
 * tensor.
 */
export function argmin(x: Tensor, axis?: number, keepdim = false): Tensor {
  if (!isFloat(x.dtype)) fail('argmin', `x is ${x.dtype}`, 'it must be f32 or f16')
  return argmax(neg(x), axis, keepdim)
}

/** Whether any element over axes is true or other than 0, as bool; all axes unless given. Of nothing: false. */
export function any(x: Tensor, axes?: Axes, keepdim = false): Tensor {
  return greater(sum(cast(x, 'bool'), axes, keepdim), 0)
}

/** Whether every element over axes is true or other than 0, as bool; all axes unless given. Of nothing: true. */
export function all(x: Tensor, axes?: Axes, keepdim = false): Tensor {
  return equal(sum(logicalNot(cast(x, 'bool')), axes, keepdim), 0)
}

/**
 * Variance over axes; all unless given. The squares are divided by the number of elements less `correction`: 1 is that
 * of a sample, 0 that of a whole population. Throws when no more elements are there than `correction`.
 */
export function variance(x: Tensor, axes?: Axes, keepdim = false, correction = 1): Tensor {
  const list = normalizeAxes('variance', axes, x.shape.length)
  const count = numel(list.map((a) => x.shape[a] as number))
  if (count <= correction) {
    fail(
      'variance',
      `axes ${formatShape(list)} of ${formatShape(x.shape)} hold ${count} elements, and correction is ${correction}`,
      'there must be more elements than that',
    )
  }
  return mul(sum(square(sub(x, mean(x, list, true))), list, keepdim), 1 / (count - correction))
}

/** Square root of the {@link variance}. */
export function std(x: Tensor, axes?: Axes, keepdim = false, correction = 1): Tensor {
  return rootOf(variance(x, axes, keepdim, correction))
}

/**
 * Length of x over axes; all unless given: the sum of magnitudes (p = 1), the root of the sum of squares (2, unless
 * given) or the largest magnitude (Infinity). The slope at length 0 is 0.
 */
export function norm(x: Tensor, p = 2, axes?: Axes, keepdim = false): Tensor {
  if (p === 1) return sum(abs(x), axes, keepdim)
  if (p === Number.POSITIVE_INFINITY) return max(abs(x), axes, keepdim)
  if (p !== 2) fail('norm', `p is ${p}`, 'it must be 1, 2 or Infinity')
  return rootOf(sum(square(x), axes, keepdim))
}

/** A square root whose gradient at 0 is 0 and not infinite. */
function rootOf(x: Tensor): Tensor {
  const isPositive = greater(x, 0)
  return where(isPositive, sqrt(where(isPositive, x, 1)), 0)
}
