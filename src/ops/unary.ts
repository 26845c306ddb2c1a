import type { GradContext, GradRules, MapOp } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import type { Attrs } from '../graph/value.ts'
import { add, div, greater, mul, neg, sub, where } from './arithmetic.ts'
import { elementwise } from './elementwise.ts'

type UnaryRules = (c: GradContext<'x', Attrs>) => GradRules<'x'>

/** A row with one float input. */
/* @__NO_SIDE_EFFECTS__ */
export function unary(
  name: string,
  wgsl: (x: string) => string,
  flops: number,
  saves: readonly ('x' | 'out')[],
  slope: UnaryRules,
  helper?: readonly [string, string],
): MapOp<'x'> {
  return elementwise({
    name,
    inputs: ['x'],
    rule: 'float',
    wgsl: ([x = '']) => wgsl(x),
    flops,
    backward: slope,
    saves,
    ...(helper ? { helper } : {}),
  })
}

/** Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7; near 0 the series, whose relative error is smaller. */
const erfHelper = [
  'wgrad_erf',
  `fn wgrad_erf(x: f32) -> f32 {
  let a = abs(x);
  if (a < 0.5) {
    let s = x * x;
    return x * (1.1283791671 + s * (-0.3761263890 + s * (0.1128379167 + s * (-0.0268661706 + s * (0.0052239776 - s * 0.0008548327)))));
  }
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  let y = 1.0 - p * exp(-a * a);
  return select(y, -y, x < 0.0);
}`,
] as const

/** log(1 + t) for t >= 0; near 0 its series, where 1 + t would lose t. */
const log1pHelper = [
  'wgrad_log1p',
  `fn wgrad_log1p(t: f32) -> f32 {
  return select(log(1.0 + t), t * (1.0 - t * (0.5 - t * 0.33333333)), t < 0.01);
}`,
] as const

const sqrt2OverPi = Math.sqrt(2 / Math.PI)

export const expOp = unary(
  'exp',
  (x) => `exp(${x})`,
  4,
  ['out'],
  ({ out, grad }) => ({ x: () => mul(grad, out) }),
)
export const sqrtOp = unary(
  'sqrt',
  (x) => `sqrt(${x})`,
  2,
  ['out'],
  ({ out, grad }) => ({ x: () => div(mul(grad, 0.5), out) }),
)
export const rsqrtOp = unary(
  'rsqrt',
  (x) => `inverseSqrt(${x})`,
  2,
  ['out'],
  ({ out, grad }) => ({
    x: () => mul(mul(grad, -0.5), mul(out, mul(out, out))),
  }),
)
export const absOp = unary(
  'abs',
  (x) => `abs(${x})`,
  1,
  ['x'],
  ({ in: { x }, grad }) => ({ x: () => mul(grad, sign(x)) }),
)
export const signOp = unary(
  'sign',
  (x) => `sign(${x})`,
  1,
  [],
  () => ({ x: null }),
)
export const sinOp = unary(
  'sin',
  (x) => `sin(${x})`,
  4,
  ['x'],
  ({ in: { x }, grad }) => ({ x: () => mul(grad, cos(x)) }),
)
export const cosOp = unary(
  'cos',
  (x) => `cos(${x})`,
  4,
  ['x'],
  ({ in: { x }, grad }) => ({ x: () => neg(mul(grad, sin(x))) }),
)
export const tanhOp = unary(
  'tanh',
  (x) => `tanh(clamp(${x}, -15.0, 15.0))`,
  8,
  ['out'],
  ({ out, grad }) => ({
    x: () => mul(grad, sub(1, mul(out, out))),
  }),
)
// s(x) s(-x) and not s (1 - s), which is 0 in f32 for x above 17.
export const sigmoidOp = unary(
  'sigmoid',
  (x) => `1.0 / (1.0 + exp(clamp(-${x}, -88.0, 88.0)))`,
  6,
  ['x', 'out'],
  ({ in: { x }, out, grad }) => ({
    x: () => mul(grad, mul(out, sigmoid(neg(x)))),
  }),
)
export const reluOp = unary(
  'relu',
  (x) => `max(${x}, 0.0)`,
  1,
  ['out'],
  ({ out, grad }) => ({ x: () => where(greater(out, 0), grad, 0) }),
)
export const softplusOp = unary(
  'softplus',
  (x) => `max(${x}, 0.0) + wgrad_log1p(exp(-abs(${x})))`,
  14,
  ['x'],
  ({ in: { x }, grad }) => ({
    x: () => mul(grad, sigmoid(x)),
  }),
  log1pHelper,
)
export const siluOp = unary(
  'silu',
  (x) => `${x} / (1.0 + exp(clamp(-${x}, -88.0, 88.0)))`,
  7,
  ['x'],
  ({ in: { x }, grad }) => ({
    x: () => {
      const s = sigmoid(x)
      return mul(grad, mul(s, add(1, mul(x, sigmoid(neg(x))))))
    },
  }),
)
export const erfOp = unary(
  'erf',
  (x) => `wgrad_erf(${x})`,
  14,
  ['x'],
  ({ in: { x }, grad }) => ({ x: () => mul(grad, mul(2 / Math.sqrt(Math.PI), exp(neg(mul(x, x))))) }),
  erfHelper,
)
export const geluOp = unary(
  'gelu',
  (x) => `0.5 * ${x} * (1.0 + wgrad_erf(${x} * ${Math.SQRT1_2}))`,
  18,
  ['x'],
  ({ in: { x }, grad }) => ({
    x: () => {
      const cdf = mul(0.5, add(1, erf(mul(x, Math.SQRT1_2))))
      const pdf = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
      return mul(grad, add(cdf, mul(x, pdf)))
    },
  }),
  erfHelper,
)
export const geluTanhOp = unary(
  'geluTanh',
  (x) => `0.5 * ${x} * (1.0 + tanh(clamp(${sqrt2OverPi} * ${x} * (1.0 + 0.044715 * ${x} * ${x}), -15.0, 15.0)))`,
  16,
  ['x'],
  ({ in: { x }, grad }) => ({
    x: () => {
      const squared = mul(x, x)
      const t = tanh(mul(mul(sqrt2OverPi, x), add(1, mul(0.044715, squared))))
      const inner = mul(sqrt2OverPi, add(1, mul(3 * 0.044715, squared)))
      return mul(grad, mul(0.5, add(add(1, t), mul(mul(x, sub(1, mul(t, t))), inner))))
    },
  }),
)

/** The function that calls a row. */
/* @__NO_SIDE_EFFECTS__ */
export function ofUnary(op: MapOp<'x'>): (x: Tensor) => Tensor {
  return (x) => call1(op, [x])
}

/** e ** x */
export const exp: (x: Tensor) => Tensor = ofUnary(expOp)
/** Square root. */
export const sqrt: (x: Tensor) => Tensor = ofUnary(sqrtOp)
/** 1 / sqrt(x) */
export const rsqrt: (x: Tensor) => Tensor = ofUnary(rsqrtOp)
/** Absolute value. */
export const abs: (x: Tensor) => Tensor = ofUnary(absOp)
/** -1, 0 or 1. */
export const sign: (x: Tensor) => Tensor = ofUnary(signOp)
/** Sine of radians, to the 2^-11 that WGSL promises. */
export const sin: (x: Tensor) => Tensor = ofUnary(sinOp)
/** Cosine of radians, to the 2^-11 that WGSL promises. */
export const cos: (x: Tensor) => Tensor = ofUnary(cosOp)
/** Hyperbolic tangent. */
export const tanh: (x: Tensor) => Tensor = ofUnary(tanhOp)
/** 1 / (1 + e ** -x) */
export const sigmoid: (x: Tensor) => Tensor = ofUnary(sigmoidOp)
/** max(x, 0); the slope at 0 is 0. */
export const relu: (x: Tensor) => Tensor = ofUnary(reluOp)
/** log(1 + e ** x) */
export const softplus: (x: Tensor) => Tensor = ofUnary(softplusOp)
/** x sigmoid(x) */
export const silu: (x: Tensor) => Tensor = ofUnary(siluOp)
/** The error function. */
export const erf: (x: Tensor) => Tensor = ofUnary(erfOp)

/** x times the normal distribution's cumulative function, or its tanh approximation (Hendrycks and Gimpel 2016). */
export function gelu(x: Tensor, options: { readonly approximate?: 'none' | 'tanh' } = {}): Tensor {
  return call1(options.approximate === 'tanh' ? geluTanhOp : geluOp, [x])
}

/** x where positive, slope * x elsewhere. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  return where(greater(x, 0), x, mul(x, slope))
}

/** x * x */
export function square(x: Tensor): Tensor {
  return mul(x, x)
}
