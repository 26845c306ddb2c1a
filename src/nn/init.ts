import type { Tensor } from '../graph/tensor.ts'
import { noGrad } from '../graph/tensor.ts'
import { rand, randn } from '../ops/random.ts'

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
