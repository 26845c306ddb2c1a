import type { DType } from '../dtype.ts'
import { fail } from '../errors.ts'
import { literal } from '../graph/constant.ts'
import type { MapOp } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { broadcastFor, numel } from '../shape.ts'
import { cast, elementwise, full, type Operandish, operands } from './elementwise.ts'
import { broadcastIndex } from './indexing.ts'

export const addOp = elementwise({
  name: 'add',
  inputs: ['a', 'b'],
  rule: 'number',
  wgsl: ([a, b]) => `${a} + ${b}`,
  flops: 1,
  fold: ([a = 0, b = 0]) => a + b,
  neutral: ([a, b]) => (a === 0 ? 1 : b === 0 ? 0 : null),
  backward: ({ grad }) => ({ a: () => grad, b: () => grad }),
  saves: [],
})

export const subOp = elementwise({
  name: 'sub',
  inputs: ['a', 'b'],
  rule: 'number',
  wgsl: ([a, b]) => `${a} - ${b}`,
  flops: 1,
  fold: ([a = 0, b = 0]) => a - b,
  neutral: ([, b]) => (b === 0 ? 0 : null),
  backward: ({ grad }) => ({ a: () => grad, b: () => neg(grad) }),
  saves: [],
})

export const mulOp = elementwise({
  name: 'mul',
  inputs: ['a', 'b'],
  rule: 'number',
  wgsl: ([a, b]) => `${a} * ${b}`,
  flops: 1,
  fold: ([a = 0, b = 0]) => a * b,
  neutral: ([a, b]) => (a === 1 ? 1 : b === 1 ? 0 : null),
  backward: ({ in: { a, b }, grad }) => ({ a: () => mul(grad, b), b: () => mul(grad, a) }),
  saves: ['a', 'b'],
})

export const divOp = elementwise({
  name: 'div',
  inputs: ['a', 'b'],
  rule: 'number',
  wgsl: ([a, b]) => `${a} / ${b}`,
  flops: 1,
  neutral: ([, b]) => (b === 1 ? 0 : null),
  backward: ({ in: { b }, out, grad }) => ({ a: () => div(grad, b), b: () => neg(div(mul(grad, out), b)) }),
  saves: ['b', 'out'],
})

/** x ** y for x >= 0, or any x where y is a whole number (by its parity). */
export const powOp = elementwise({
  name: 'pow',
  inputs: ['x', 'y'],
  rule: 'float',
  wgsl: ([x, y]) => `wgrad_pow(${x}, ${y})`,
  helper: [
    'wgrad_pow',
    `fn wgrad_pow(x: f32, y: f32) -> f32 {
  if (y == 0.0) { return 1.0; }
  if (x == 0.0) { return select(0.0, 1.0 / x, y < 0.0); }
  let magnitude = pow(abs(x), y);
  let odd = abs(y) - 2.0 * floor(abs(y) * 0.5) == 1.0;
  return select(magnitude, -magnitude, x < 0.0 && odd);
}`,
  ],
  flops: 8,
  backward: ({ in: { x, y }, out, grad }) => ({
    x: () => mul(grad, mul(y, pow(x, sub(y, 1)))),
    y: () => mul(grad, mul(out, log(maximum(x, 1e-37)))),
  }),
  saves: ['x', 'y', 'out'],
})

/* @__NO_SIDE_EFFECTS__ */
function extremum(name: 'maximum' | 'minimum', wgsl: 'max' | 'min'): MapOp<'a' | 'b'> {
  return elementwise({
    name,
    inputs: ['a', 'b'],
    rule: 'number',
    wgsl: ([a, b]) => `${wgsl}(${a}, ${b})`,
    flops: 1,
    // Where the two are equal each gets half, as in PyTorch.
    backward: ({ in: { a, b }, out, grad }) => {
      const share = (x: Tensor, other: Tensor): Tensor =>
        mul(grad, sub(cast(equal(x, out), 'f32'), mul(cast(equal(x, other), 'f32'), 0.5)))
      return { a: () => share(a, b), b: () => share(b, a) }
    },
    saves: ['a', 'b', 'out'],
  })
}

export const maximumOp = extremum('maximum', 'max')
export const minimumOp = extremum('minimum', 'min')

/* @__NO_SIDE_EFFECTS__ */
function comparison(name: string, sign: string): MapOp<'a' | 'b'> {
  return elementwise({
    name,
    inputs: ['a', 'b'],
    rule: 'compare',
    wgsl: ([a, b]) => `(${a} ${sign} ${b})`,
    flops: 1,
    backward: () => ({ a: null, b: null }),
    saves: [],
  })
}

export const equalOp = comparison('equal', '==')
export const notEqualOp = comparison('notEqual', '!=')
export const lessOp = comparison('less', '<')
export const lessEqualOp = comparison('lessEqual', '<=')
export const greaterOp = comparison('greater', '>')
export const greaterEqualOp = comparison('greaterEqual', '>=')

/* @__NO_SIDE_EFFECTS__ */
function logic(name: string, sign: string): MapOp<'a' | 'b'> {
  return elementwise({
    name,
    inputs: ['a', 'b'],
    rule: 'logic',
    wgsl: ([a, b]) => `(${a} ${sign} ${b})`,
    flops: 1,
    backward: () => ({ a: null, b: null }),
    saves: [],
  })
}

export const logicalAndOp = logic('logicalAnd', '&&')
export const logicalOrOp = logic('logicalOr', '||')
export const logicalXorOp = logic('logicalXor', '!=')

export const logicalNotOp = elementwise({
  name: 'logicalNot',
  inputs: ['x'],
  rule: 'logic',
  wgsl: ([x]) => `!${x}`,
  flops: 1,
  backward: () => ({ x: null }),
  saves: [],
})

export const whereOp: MapOp<'condition' | 'a' | 'b'> = {
  kind: 'map',
  name: 'where',
  inputs: ['condition', 'a', 'b'],
  infer: ([c, a, b]) => {
    const [condition, x, y] = [c as Spec, a as Spec, b as Spec]
    if (condition.dtype !== 'bool') fail('where', `condition is ${condition.dtype}`, 'it must be bool')
    if (x.dtype !== y.dtype) fail('where', `a is ${x.dtype} and b is ${y.dtype}`, 'both must have one dtype')
    return [
      { shape: broadcastFor('where', ['condition', 'a', 'b'], [condition.shape, x.shape, y.shape]), dtype: x.dtype },
    ]
  },
  emit: (w, i, { inputs, output }) => {
    const [c, a, b] = inputs.map((s, k) => w.load(k, broadcastIndex(w, i, output.shape, s.shape)))
    return `select(${b}, ${a}, ${c})`
  },
  flops: () => 1,
  aligned: (input, inputs, output) => numel((inputs[input] as Spec).shape) === numel(output.shape),
  backward: ({ in: { condition }, grad }) => ({
    condition: null,
    a: () => where(condition, grad, 0),
    b: () => where(condition, 0, grad),
  }),
  saves: ['condition'],
}

/* @__NO_SIDE_EFFECTS__ */
function binary(op: MapOp<'a' | 'b'>): (a: Operandish, b: Operandish) => Tensor {
  return (a, b) => call1(op, operands(a, b))
}

/** a + b, broadcasting; a number stands for a constant. */
export const add: (a: Operandish, b: Operandish) => Tensor = binary(addOp)
/** a - b */
export const sub: (a: Operandish, b: Operandish) => Tensor = binary(subOp)
/** a * b */
export const mul: (a: Operandish, b: Operandish) => Tensor = binary(mulOp)
/** a / b; integers divide towards zero. */
export const div: (a: Operandish, b: Operandish) => Tensor = binary(divOp)
/** The larger of each pair. */
export const maximum: (a: Operandish, b: Operandish) => Tensor = binary(maximumOp)
/** The smaller of each pair. */
export const minimum: (a: Operandish, b: Operandish) => Tensor = binary(minimumOp)
/** a == b, as bool. */
export const equal: (a: Operandish, b: Operandish) => Tensor = binary(equalOp)
/** a != b, as bool. */
export const notEqual: (a: Operandish, b: Operandish) => Tensor = binary(notEqualOp)
/** a < b, as bool. */
export const less: (a: Operandish, b: Operandish) => Tensor = binary(lessOp)
/** a <= b, as bool. */
export const lessEqual: (a: Operandish, b: Operandish) => Tensor = binary(lessEqualOp)
/** a > b, as bool. */
export const greater: (a: Operandish, b: Operandish) => Tensor = binary(greaterOp)
/** a >= b, as bool. */
export const greaterEqual: (a: Operandish, b: Operandish) => Tensor = binary(greaterEqualOp)

/** Both, for bool tensors. */
export function logicalAnd(a: Tensor, b: Tensor): Tensor {
  return call1(logicalAndOp, [a, b])
}

/** Either, for bool tensors. */
export function logicalOr(a: Tensor, b: Tensor): Tensor {
  return call1(logicalOrOp, [a, b])
}

/** One but not both, for bool tensors. */
export function logicalXor(a: Tensor, b: Tensor): Tensor {
  return call1(logicalXorOp, [a, b])
}

/** Not, for bool tensors. */
export function logicalNot(x: Tensor): Tensor {
  return call1(logicalNotOp, [x])
}

/** x to the power of y. Where x is negative, y must be a whole number. */
export function pow(x: Operandish, y: Operandish): Tensor {
  if (y === 2 && typeof x !== 'number') return mul(x, x)
  if (y === 1 && typeof x !== 'number') return x
  return call1(powOp, operands(x, y))
}

/** a where the condition holds, b elsewhere; all broadcast. */
export function where(condition: Tensor, a: Operandish, b: Operandish): Tensor {
  return call1(whereOp, [condition, ...operands(a, b)])
}

export const clampOp = elementwise({
  name: 'clamp',
  inputs: ['x'],
  rule: 'number',
  wgsl: ([x], { low, high }: { readonly low: number; readonly high: number }, dtype: DType) => {
    if (low === -Infinity) return `min(${x}, ${literal(high, dtype)})`
    if (high === Infinity) return `max(${x}, ${literal(low, dtype)})`
    return `clamp(${x}, ${literal(low, dtype)}, ${literal(high, dtype)})`
  },
  flops: 2,
  // The slope is 1 at the bounds too, as in PyTorch.
  backward: ({ in: { x }, grad, attrs }) => ({
    x: () => {
      if (attrs.low === -Infinity) return where(lessEqual(x, attrs.high), grad, 0)
      if (attrs.high === Infinity) return where(greaterEqual(x, attrs.low), grad, 0)
      return where(logicalAnd(greaterEqual(x, attrs.low), lessEqual(x, attrs.high)), grad, 0)
    },
  }),
  saves: ['x'],
})

const integerRange: Record<'i32' | 'u32', readonly [number, number]> = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
}

/** x limited to [low, high]; a bound may be infinite. */
export function clamp(x: Tensor, low: number, high: number): Tensor {
  if (!(low <= high)) fail('clamp', `low is ${low} and high is ${high}`, 'low must not be above high')
  if (low === -Infinity && high === Infinity) return x
  if (x.dtype !== 'i32' && x.dtype !== 'u32') return call1(clampOp, [x], { low, high })
  const [least, most] = integerRange[x.dtype]
  const within = (bound: number): number => Math.min(most, Math.max(least, bound))
  if (!Number.isInteger(within(low)) || !Number.isInteger(within(high))) {
    fail('clamp', `low is ${low} and high is ${high} for ${x.dtype}`, 'give whole numbers, or cast the tensor to f32')
  }
  return call1(clampOp, [x], { low: within(low), high: within(high) })
}

export const negOp: MapOp<'x'> = elementwise({
  name: 'neg',
  inputs: ['x'],
  rule: 'number',
  wgsl: ([x], _, dtype: DType) => (dtype === 'u32' ? `(0u - ${x})` : `-${x}`),
  flops: 1,
  fold: ([x = 0]) => -x,
  backward: ({ grad }) => ({ x: () => neg(grad) }),
  saves: [],
})

export const logOp: MapOp<'x'> = elementwise({
  name: 'log',
  inputs: ['x'],
  rule: 'float',
  wgsl: ([x]) => `log(${x})`,
  flops: 4,
  backward: ({ in: { x }, grad }) => ({ x: () => div(grad, x) }),
  saves: ['x'],
})

/** -x */
export function neg(x: Tensor): Tensor {
  return call1(negOp, [x])
}

/** Natural logarithm; undefined for x <= 0. */
export function log(x: Tensor): Tensor {
  return call1(logOp, [x])
}

/** Zeros of the shape and dtype of `x`. */
export function zerosLike(x: Tensor): Tensor {
  return full(x.shape, 0, x.dtype, x.device)
}

/** Ones of the shape and dtype of `x`. */
export function onesLike(x: Tensor): Tensor {
  return full(x.shape, 1, x.dtype, x.device)
}
