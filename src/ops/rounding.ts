import { type DType, isFloat } from '../dtype.ts'
import { fail } from '../errors.ts'
import type { MapOp } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import { div, mul, neg, sub } from './arithmetic.ts'
import { elementwise, type Operandish, operands } from './elementwise.ts'
import { ofUnary, unary } from './unary.ts'

export const floorOp = unary(
  'floor',
  (x) => `floor(${x})`,
  1,
  [],
  () => ({ x: null }),
)
export const ceilOp = unary(
  'ceil',
  (x) => `ceil(${x})`,
  1,
  [],
  () => ({ x: null }),
)
export const roundOp = unary(
  'round',
  (x) => `round(${x})`,
  1,
  [],
  () => ({ x: null }),
)

export const truncOp = unary(
  'trunc',
  (x) => `trunc(${x})`,
  1,
  [],
  () => ({ x: null }),
)

/** The largest whole number not above x. */
export const floor: (x: Tensor) => Tensor = ofUnary(floorOp)
/** The smallest whole number not below x. */
export const ceil: (x: Tensor) => Tensor = ofUnary(ceilOp)
/** The nearest whole number; halves go to the even one. */
export const round: (x: Tensor) => Tensor = ofUnary(roundOp)

/** x without its fraction: the nearest whole number towards zero. */
export const trunc: (x: Tensor) => Tensor = ofUnary(truncOp)

function remainderText(a: string, b: string, dtype: DType): string {
  if (dtype === 'u32') return `${a} % ${b}`
  if (dtype === 'i32') return `${a} % ${b} + select(0i, ${b}, ${a} % ${b} != 0i && (${a} < 0i) != (${b} < 0i))`
  return `${a} - floor(${a} / ${b}) * ${b}`
}

export const remainderOp: MapOp<'a' | 'b'> = elementwise({
  name: 'remainder',
  inputs: ['a', 'b'],
  rule: 'number',
  wgsl: ([a = '', b = ''], _, dtype: DType) => remainderText(a, b, dtype),
  flops: 4,
  backward: ({ in: { a, b }, grad }) => ({ a: () => grad, b: () => neg(mul(grad, floor(div(a, b)))) }),
  saves: ['a', 'b'],
})

/** a - floor(a / b) * b, which has the sign of b; broadcasting. */
export function remainder(a: Operandish, b: Operandish): Tensor {
  return call1(remainderOp, operands(a, b))
}

/** The largest whole number not above a / b; broadcasting. Of whole numbers too: -7 and 2 give -4. Has no gradient. */
export function floorDivide(a: Operandish, b: Operandish): Tensor {
  const [x, y] = operands(a, b)
  return isFloat(x.dtype) ? floor(div(x, y)) : div(sub(x, remainder(x, y)), y)
}

// Comparing x with itself does not find NaN: a shader may be compiled as if there were none.
/* @__NO_SIDE_EFFECTS__ */
function bitTest(name: string, test: (bits: string) => string): MapOp<'x'> {
  return elementwise({
    name,
    inputs: ['x'],
    rule: 'compare',
    wgsl: ([x]) => `(${test(`bitcast<u32>(${x})`)})`,
    flops: 1,
    backward: () => ({ x: null }),
    saves: [],
  })
}

export const isNaNOp = bitTest('isNaN', (bits) => `(${bits} & 0x7fffffffu) > 0x7f800000u`)
export const isFiniteOp = bitTest('isFinite', (bits) => `(${bits} & 0x7f800000u) != 0x7f800000u`)

function testBits(op: MapOp<'x'>, x: Tensor): Tensor {
  if (x.dtype !== 'f32' && x.dtype !== 'f16') fail(op.name, `x is ${x.dtype}`, 'it must be f32 or f16')
  return call1(op, [x])
}

/** Whether each element is not a number, as bool. */
export function isNanTensor(x: Tensor): Tensor {
  return testBits(isNaNOp, x)
}

/** Whether each element is neither infinite nor NaN, as bool. */
export function isFiniteTensor(x: Tensor): Tensor {
  return testBits(isFiniteOp, x)
}

export { isFiniteTensor as isFinite, isNanTensor as isNaN }
