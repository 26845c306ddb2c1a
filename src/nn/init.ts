import { fail } from '../errors.ts'
import { noGrad, type Tensor } from '../graph/tensor.ts'
import { add, clamp, mul, sub } from '../ops/arithmetic.ts'
import { eye } from '../ops/construct.ts'
import { full } from '../ops/elementwise.ts'
import { matmul } from '../ops/matmul.ts'
import { transpose } from '../ops/movement.ts'
import { rand, randn } from '../ops/random.ts'
import { sum } from '../ops/reduce.ts'
import { reshape } from '../ops/reshape.ts'
import { erfinv } from '../ops/special.ts'
import { erf, rsqrt, square } from '../ops/unary.ts'
import { formatShape, numel } from '../shape.ts'
import type { Parameter } from './parameter.ts'

/** Numbers uniform within +-bound. */
export function uniform(shape: readonly number[], bound: number): Tensor {
  return noGrad(() => rand(shape, { low: -bound, high: bound }))
}

/** Numbers of the normal distribution. */
export function normal(shape: readonly number[], mean = 0, std = 1): Tensor {
  return noGrad(() => randn(shape, { mean, std }))
}

/**
 * Uniform within sqrt(6 / ((1 + a^2) fanIn)) (He et al. 2015); PyTorch's default for Linear and Conv has a = sqrt(5).
 */
export function kaimingUniform(shape: readonly number[], fanIn: number, a = Math.sqrt(5)): Tensor {
  return uniform(shape, Math.sqrt(6 / ((1 + a * a) * Math.max(1, fanIn))))
}

/** Normal with the deviation gain / sqrt(fanIn) (He et al. 2015); the gain of relu is sqrt(2). */
export function kaimingNormal(shape: readonly number[], fanIn: number, gain = Math.SQRT2): Tensor {
  return normal(shape, 0, gain / Math.sqrt(Math.max(1, fanIn)))
}

/** Uniform within gain sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio 2010). */
export function xavierUniform(shape: readonly number[], fanIn: number, fanOut: number, gain = 1): Tensor {
  return uniform(shape, gain * Math.sqrt(6 / Math.max(1, fanIn + fanOut)))
}

/** Normal with the deviation gain sqrt(2 / (fanIn + fanOut)) (Glorot and Bengio 2010). */
export function xavierNormal(shape: readonly number[], fanIn: number, fanOut: number, gain = 1): Tensor {
  return normal(shape, 0, gain * Math.sqrt(2 / Math.max(1, fanIn + fanOut)))
}

/** Numbers of the normal distribution from `low` to `high`, -2 and 2 unless given; those beyond are never drawn. */
export function truncNormal(shape: readonly number[], mean = 0, std = 1, low = -2, high = 2): Tensor {
  if (!(std > 0 && low < high))
    fail('truncNormal', `std is ${std}, low is ${low} and high is ${high}`, 'std must be above 0 and high above low')
  return noGrad(() => {
    const [from, to] = [low, high].map((bound) => erf(full([], (bound - mean) / (std * Math.SQRT2)))) as [
      Tensor,
      Tensor,
    ]
    const between = clamp(add(from, mul(rand(shape), sub(to, from))), -1 + 2 ** -24, 1 - 2 ** -24)
    return clamp(add(mul(erfinv(between), std * Math.SQRT2), mean), low, high)
  })
}

/** Steps that bring every singular value of a matrix of normal numbers to 1, up to rounding. */
const polarSteps = 48

/**
 * A matrix with orthonormal rows or columns, whichever are fewer, times the gain (Saxe et al. 2014); all axes but the first count as
 * columns. It is the polar factor of a matrix of normal numbers, by Newton and Schulz's iteration.
 */
export function orthogonal(shape: readonly number[], gain = 1): Tensor {
  if (shape.length < 2) fail('orthogonal', `the shape is ${formatShape(shape)}`, 'it must have at least two axes')
  const rows = shape[0] as number
  const columns = numel(shape.slice(1))
  return noGrad(() => {
    const few = Math.min(rows, columns)
    const start = randn([Math.max(rows, columns), few])
    let x = mul(start, rsqrt(sum(square(start))))
    for (let step = 0; step < polarSteps; step++)
      x = matmul(x, sub(mul(eye(few), 1.5), mul(matmul(x, x, { transA: true }), 0.5)))
    return reshape(mul(rows < columns ? transpose(x) : x, gain), shape)
  })
}

/** What flows into and out of a unit of a weight [out, ..., in], as layers here keep them in memory: inputs and outputs times taps. */
export function fans(shape: readonly number[]): { readonly fanIn: number; readonly fanOut: number } {
  if (shape.length < 2) fail('init', `the shape is ${formatShape(shape)}`, 'fans are those of at least two axes')
  const size = numel(shape)
  return { fanIn: size / (shape[0] as number), fanOut: size / (shape[shape.length - 1] as number) }
}

/** The factor by which weights before an activation are scaled (He et al. 2015): 1 where nothing is said of it. */
export function calculateGain(
  nonlinearity: 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu',
  negativeSlope = 0.01,
): number {
  if (nonlinearity === 'tanh') return 5 / 3
  if (nonlinearity === 'relu') return Math.SQRT2
  if (nonlinearity === 'leakyRelu') return Math.sqrt(2 / (1 + negativeSlope ** 2))
  return nonlinearity === 'selu' ? 3 / 4 : 1
}

/** Sets a parameter to numbers uniform from `low` to `high`. */
export function uniform_(parameter: Parameter, low = 0, high = 1): void {
  parameter.assign(noGrad(() => rand(parameter.shape, { low, high })))
}

/** Sets a parameter to numbers of the normal distribution. */
export function normal_(parameter: Parameter, mean = 0, std = 1): void {
  parameter.assign(normal(parameter.shape, mean, std))
}

/** Sets a parameter to one number. */
export function constant_(parameter: Parameter, value: number): void {
  parameter.assign(full(parameter.shape, value))
}

/** Sets a parameter to zeros. */
export function zeros_(parameter: Parameter): void {
  constant_(parameter, 0)
}

/** Sets a parameter to ones. */
export function ones_(parameter: Parameter): void {
  constant_(parameter, 1)
}

/** Sets a parameter as {@link truncNormal} has it. */
export function truncNormal_(parameter: Parameter, mean = 0, std = 1, low = -2, high = 2): void {
  parameter.assign(truncNormal(parameter.shape, mean, std, low, high))
}

/** Sets a parameter as {@link orthogonal} has it. */
export function orthogonal_(parameter: Parameter, gain = 1): void {
  parameter.assign(orthogonal(parameter.shape, gain))
}

/**
 * Sets a weight as {@link kaimingUniform} has it, by the {@link fans} of its shape; `a` is the slope below 0 of the
 * leaky ReLU behind it.
 */
export function kaimingUniform_(parameter: Parameter, a = 0): void {
  parameter.assign(kaimingUniform(parameter.shape, fans(parameter.shape).fanIn, a))
}

/** Sets a weight as {@link kaimingNormal} has it, by the {@link fans} of its shape. */
export function kaimingNormal_(parameter: Parameter, gain = Math.SQRT2): void {
  parameter.assign(kaimingNormal(parameter.shape, fans(parameter.shape).fanIn, gain))
}

/** Sets a weight as {@link xavierUniform} has it, by the {@link fans} of its shape. */
export function xavierUniform_(parameter: Parameter, gain = 1): void {
  const { fanIn, fanOut } = fans(parameter.shape)
  parameter.assign(xavierUniform(parameter.shape, fanIn, fanOut, gain))
}

/** Sets a weight as {@link xavierNormal} has it, by the {@link fans} of its shape. */
export function xavierNormal_(parameter: Parameter, gain = 1): void {
  const { fanIn, fanOut } = fans(parameter.shape)
  parameter.assign(xavierNormal(parameter.shape, fanIn, fanOut, gain))
}
