import type { MapOp } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import { add, div, log, mul, neg, sub } from './arithmetic.ts'
import { elementwise, type Operandish, operands } from './elementwise.ts'
import { expm1, log1p } from './exponential.ts'
import { abs, exp, ofUnary, rsqrt, sign, sqrt, square, unary } from './unary.ts'

export const tanOp = unary(
  'tan',
  (x) => `tan(${x})`,
  8,
  ['out'],
  ({ out, grad }) => ({ x: () => mul(grad, add(square(out), 1)) }),
)
export const asinOp = unary(
  'asin',
  (x) => `asin(${x})`,
  8,
  ['x'],
  ({ in: { x }, grad }) => ({ x: () => mul(grad, rsqrt(sub(1, square(x)))) }),
)
export const acosOp = unary(
  'acos',
  (x) => `acos(${x})`,
  8,
  ['x'],
  ({ in: { x }, grad }) => ({ x: () => neg(mul(grad, rsqrt(sub(1, square(x))))) }),
)
export const atanOp = unary(
  'atan',
  (x) => `atan(${x})`,
  8,
  ['x'],
  ({ in: { x }, grad }) => ({ x: () => div(grad, add(square(x), 1)) }),
)
export const atan2Op: MapOp<'y' | 'x'> = elementwise({
  name: 'atan2',
  inputs: ['y', 'x'],
  rule: 'float',
  wgsl: ([y, x]) => `atan2(${y}, ${x})`,
  flops: 10,
  backward: ({ in: { y, x }, grad }) => {
    const share = (): Tensor => div(grad, add(square(x), square(y)))
    return { y: () => mul(share(), x), x: () => neg(mul(share(), y)) }
  },
  saves: ['y', 'x'],
})

/** Tangent. */
export const tan: (x: Tensor) => Tensor = ofUnary(tanOp)
/** The angle from -pi / 2 to pi / 2 whose sine is x; x from -1 to 1. */
export const asin: (x: Tensor) => Tensor = ofUnary(asinOp)
/** The angle from 0 to pi whose cosine is x; x from -1 to 1. */
export const acos: (x: Tensor) => Tensor = ofUnary(acosOp)
/** The angle from -pi / 2 to pi / 2 whose tangent is x. */
export const atan: (x: Tensor) => Tensor = ofUnary(atanOp)

/** The angle of the point (x, y), from -pi to pi; broadcasting. */
export function atan2(y: Operandish, x: Operandish): Tensor {
  return call1(atan2Op, operands(y, x))
}

/** Hyperbolic sine. */
export function sinh(x: Tensor): Tensor {
  const grown = expm1(abs(x))
  return mul(mul(sign(x), add(grown, div(grown, add(grown, 1)))), 0.5)
}

/** Hyperbolic cosine. */
export function cosh(x: Tensor): Tensor {
  return mul(add(exp(x), exp(neg(x))), 0.5)
}

/** The number whose hyperbolic sine is x. */
export function asinh(x: Tensor): Tensor {
  const a = abs(x)
  return mul(sign(x), log1p(add(a, div(square(a), add(sqrt(add(square(a), 1)), 1)))))
}

/** The number from 0 on whose hyperbolic cosine is x; x from 1 on. */
export function acosh(x: Tensor): Tensor {
  return log(add(x, sqrt(mul(sub(x, 1), add(x, 1)))))
}

/** The number whose hyperbolic tangent is x; x between -1 and 1. */
export function atanh(x: Tensor): Tensor {
  return mul(sub(log1p(x), log1p(neg(x))), 0.5)
}
