import type { Tensor } from '../graph/tensor.ts'
import { normalizeAxis } from '../shape.ts'
import { sub } from './arithmetic.ts'
import { logSumExp } from './reduce.ts'
import { exp } from './unary.ts'

/** e ** x over its sum along an axis, without overflow: x [..., C, ...] -> the same shape, f32. */
export function softmax(x: Tensor, axis = -1): Tensor {
  return exp(shifted('softmax', x, axis))
}

/** The logarithm of {@link softmax}. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return shifted('logSoftmax', x, axis)
}

function shifted(op: string, x: Tensor, axis: number): Tensor {
  return sub(x, logSumExp(x, normalizeAxis(op, axis, x.shape.length), true))
}
