import type { Tensor } from '../graph/tensor.ts'
import { add, div, mul } from './arithmetic.ts'
import { exp, ofUnary, unary } from './unary.ts'

/** log(1 + x); near 0 its series, where 1 + x would lose x. */
const log1pHelper = [
  'wgrad_log1p_signed',
  `fn wgrad_log1p_signed(x: f32) -> f32 {
  let series = x * (1.0 - x * (0.5 - x * (0.33333333 - x * (0.25 - x * 0.2))));
  return select(log(1.0 + x), series, abs(x) < 0.03);
}`,
] as const

/** e ** x - 1; near 0 its series, where the difference would lose x. */
const expm1Helper = [
  'wgrad_expm1',
  `fn wgrad_expm1(x: f32) -> f32 {
  let series = x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666667 + x * 0.0083333333))));
  return select(exp(x) - 1.0, series, abs(x) < 0.1);
}`,
] as const

export const log1pOp = unary(
  'log1p',
  (x) => `wgrad_log1p_signed(${x})`,
  10,
  ['x'],
  ({ in: { x }, grad }) => ({ x: () => div(grad, add(x, 1)) }),
  log1pHelper,
)
export const expm1Op = unary(
  'expm1',
  (x) => `wgrad_expm1(${x})`,
  12,
  ['x'],
  ({ in: { x }, grad }) => ({ x: () => mul(grad, exp(x)) }),
  expm1Helper,
)
export const log2Op = unary(
  'log2',
  (x) => `log2(${x})`,
  4,
  ['x'],
  ({ in: { x }, grad }) => ({ x: () => div(mul(grad, Math.LOG2E), x) }),
)
export const exp2Op = unary(
  'exp2',
  (x) => `exp2(${x})`,
  4,
  ['out'],
  ({ out, grad }) => ({ x: () => mul(grad, mul(out, Math.LN2)) }),
)

/** log(1 + x), exact near 0; undefined for x <= -1. */
export const log1p: (x: Tensor) => Tensor = ofUnary(log1pOp)
/** e ** x - 1, exact near 0. */
export const expm1: (x: Tensor) => Tensor = ofUnary(expm1Op)
/** Logarithm to base 2; undefined for x <= 0. */
export const log2: (x: Tensor) => Tensor = ofUnary(log2Op)
/** 2 ** x */
export const exp2: (x: Tensor) => Tensor = ofUnary(exp2Op)
