import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { formatShape, normalizeAxis } from '../shape.ts'
import { add, clamp, div, greater, mul, neg, sub, where } from './arithmetic.ts'
import { expm1 } from './exponential.ts'
import { slice } from './movement.ts'
import { abs, ofUnary, sigmoid, softplus, square, tanh, unary } from './unary.ts'

/** x where positive, alpha * (e ** x - 1) elsewhere. */
export function elu(x: Tensor, alpha = 1): Tensor {
  // Where positive, the other branch must stay finite: its gradient is multiplied by 0.
  return where(greater(x, 0), x, mul(expm1(clamp(x, -100, 0)), alpha))
}

/** x where positive, alpha * (e ** (x / alpha) - 1) elsewhere; its slope has no jump. Throws for alpha = 0. */
export function celu(x: Tensor, alpha = 1): Tensor {
  if (!Number.isFinite(alpha) || alpha <= 0) fail('celu', `alpha is ${alpha}`, 'it must be a positive number')
  return where(greater(x, 0), x, mul(expm1(clamp(div(x, alpha), -100, 0)), alpha))
}

/** elu, scaled to keep mean 0 and variance 1 (Klambauer et al. 2017). */
export function selu(x: Tensor): Tensor {
  return mul(elu(x, 1.6732632423543772), 1.0507009873554805)
}

/** x tanh(softplus(x)) */
export function mish(x: Tensor): Tensor {
  return mul(x, tanh(softplus(x)))
}

/** x limited to [0, 6]. */
export function relu6(x: Tensor): Tensor {
  return clamp(x, 0, 6)
}

/** x / 6 + 1 / 2, limited to [0, 1]. */
export function hardsigmoid(x: Tensor): Tensor {
  return mul(relu6(add(x, 3)), 1 / 6)
}

/** x hardsigmoid(x) */
export function hardswish(x: Tensor): Tensor {
  return mul(x, hardsigmoid(x))
}

/** log(sigmoid(x)), without overflow. */
export function logSigmoid(x: Tensor): Tensor {
  return neg(softplus(neg(x)))
}

/** x where positive, weight * x elsewhere: x [..., C], weight [C] or [1]. Throws for another weight. */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const channels = x.shape[x.shape.length - 1] ?? 1
  if (weight.shape.length !== 1 || (weight.size !== 1 && weight.size !== channels)) {
    fail(
      'prelu',
      `x is ${formatShape(x.shape)} and weight is ${formatShape(weight.shape)}`,
      'weight must be [1] or as long as the last axis of x',
    )
  }
  return where(greater(x, 0), x, mul(x, weight))
}

/** x limited to [low, high]; [-1, 1] unless given. */
export function hardtanh(x: Tensor, low = -1, high = 1): Tensor {
  return clamp(x, low, high)
}

/** x nearer to 0 by lambda (0.5 unless given), and 0 within lambda of it. */
export function softshrink(x: Tensor, lambda = 0.5): Tensor {
  return sub(x, clamp(x, -lambda, lambda))
}

/** x, and 0 within lambda (0.5 unless given) of 0. */
export function hardshrink(x: Tensor, lambda = 0.5): Tensor {
  return where(greater(abs(x), lambda), x, 0)
}

/** x where it is above `at`, `value` elsewhere. */
export function threshold(x: Tensor, at: number, value: number): Tensor {
  return where(greater(x, at), x, value)
}

/**
 * The first half along an axis (the last unless given) times the sigmoid of the second (Dauphin et al. 2017). Throws
 * where its size is odd.
 */
export function glu(x: Tensor, axis = -1): Tensor {
  const along = normalizeAxis('glu', axis, x.shape.length)
  const size = x.shape[along] as number
  if (size % 2 !== 0) fail('glu', `axis ${axis} of ${formatShape(x.shape)} has ${size} elements`, 'it must be even')
  const half = (from: number): Tensor =>
    slice(
      x,
      x.shape.map((_, d) => (d === along ? ([from, from + size / 2] as const) : null)),
    )
  return mul(half(0), sigmoid(half(size / 2)))
}

// A row, because a composite's gradient would be a difference of nearly equal numbers in the tails.
export const softsignOp = unary(
  'softsign',
  (x) => `${x} / (1.0 + abs(${x}))`,
  3,
  ['x'],
  ({ in: { x }, grad }) => ({ x: () => div(grad, square(add(1, abs(x)))) }),
)

/** x / (1 + |x|) */
export const softsign: (x: Tensor) => Tensor = ofUnary(softsignOp)
