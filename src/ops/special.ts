import type { Tensor } from '../graph/tensor.ts'
import {
  add,
  clamp,
  div,
  equal,
  greater,
  lessEqual,
  logicalAnd,
  logicalNot,
  maximum,
  minimum,
  mul,
  neg,
  sub,
  where,
} from './arithmetic.ts'
import { type Operandish, operands } from './elementwise.ts'
import { log1p } from './exponential.ts'
import { isFinite as finite, isNaN as nan } from './rounding.ts'
import { all } from './statistics.ts'
import { abs, exp, ofUnary, sqrt, square, unary } from './unary.ts'

/** Two polynomials in the logarithm of 1 - x ** 2 (Giles 2010, single precision). */
const erfinvHelper = [
  'wgrad_erfinv',
  `fn wgrad_erfinv(x: f32) -> f32 {
  let w = -log((1.0 - x) * (1.0 + x));
  let near = w - 2.5;
  let far = sqrt(max(w, 5.0)) - 3.0;
  let p = 1.50140941 + near * (0.246640727 + near * (-0.00417768164 + near * (-0.00125372503 + near * (0.00021858087
    + near * (-4.39150654e-6 + near * (-3.5233877e-6 + near * (3.43273939e-7 + near * 2.81022636e-8)))))));
  let q = 2.83297682 + far * (1.00167406 + far * (0.00943887047 + far * (-0.0076224613 + far * (0.00573950773
    + far * (-0.00367342844 + far * (0.00134934322 + far * (0.000100950558 - far * 0.000200214257)))))));
  return x * select(q, p, w < 5.0);
}`,
] as const

export const erfinvOp = unary(
  'erfinv',
  (x) => `wgrad_erfinv(${x})`,
  30,
  ['out'],
  ({ out, grad }) => ({ x: () => mul(mul(grad, Math.sqrt(Math.PI) / 2), exp(square(out))) }),
  erfinvHelper,
)

/** The number whose error function is x; x between -1 and 1. */
export const erfinv: (x: Tensor) => Tensor = ofUnary(erfinvOp)

/** 1 / x */
export function reciprocal(x: Tensor): Tensor {
  return div(1, x)
}

/** log(e ** a + e ** b), without overflow; broadcasting. */
export function logAddExp(a: Operandish, b: Operandish): Tensor {
  const [x, y] = operands(a, b)
  return add(maximum(x, y), log1p(exp(neg(abs(sub(x, y))))))
}

/** sqrt(a ** 2 + b ** 2), without overflow; broadcasting. The slope at length 0 is 0. */
export function hypot(a: Operandish, b: Operandish): Tensor {
  const [x, y] = operands(a, b).map(abs) as [Tensor, Tensor]
  const [long, short] = [maximum(x, y), minimum(x, y)]
  const some = greater(long, 0)
  const share = div(short, where(some, long, 1))
  return where(some, mul(long, sqrt(add(square(share), 1))), 0)
}

/** start + weight (end - start); broadcasting. */
export function lerp(start: Tensor, end: Tensor, weight: Operandish): Tensor {
  return add(start, mul(sub(end, start), weight))
}

/** Numbers in place of what is none: `value` (0 unless given) of NaN, the largest and smallest finite f32 of the infinities. */
export function nanToNum(x: Tensor, value = 0): Tensor {
  const largest = 3.4028234663852886e38
  return where(nan(x), value, clamp(x, -largest, largest))
}

/** Options of {@link isClose} and {@link allClose}. */
export interface CloseOptions {
  /** The share of |b| by which they may differ; 1e-5 unless given. */
  readonly rtol?: number
  /** What they may differ by besides; 1e-8 unless given. */
  readonly atol?: number
}

/** Whether |a - b| <= atol + rtol |b|, as bool; broadcasting. Equal infinities are close, NaN is close to nothing. */
export function isClose(a: Tensor, b: Tensor, { rtol = 1e-5, atol = 1e-8 }: CloseOptions = {}): Tensor {
  const near = lessEqual(abs(sub(a, b)), add(mul(abs(b), rtol), atol))
  const same = logicalAnd(equal(a, b), logicalNot(nan(a)))
  return where(logicalAnd(finite(a), finite(b)), near, same)
}

/** Whether all elements are close as {@link isClose} has it, as a scalar of bool. */
export function allClose(a: Tensor, b: Tensor, options: CloseOptions = {}): Tensor {
  return all(isClose(a, b, options))
}
