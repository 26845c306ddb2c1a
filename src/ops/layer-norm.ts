import { fail } from '../errors.ts'
import { needDtype } from '../graph/op.ts'
import type { Tensor } from '../graph/tensor.ts'
import { formatShape, numel, sameShape } from '../shape.ts'
import { mul } from './arithmetic.ts'
import { checkAffine, checkEps, normalize, rootMeanSquare } from './norm.ts'
import { layerNormOp, normalizeRows, rmsNormOp } from './row-norm.ts'

/** Options of {@link layerNorm}. */
export interface LayerNormOptions {
  /** Multiplied after normalizing; of the normalized shape. */
  readonly weight?: Tensor | null
  /** Added last; of the normalized shape. */
  readonly bias?: Tensor | null
  /** Added to the variance; 1e-5 unless given. */
  readonly eps?: number
}

/**
 * Normalizes the last axes to mean 0 and variance 1: x [..., *normalizedShape], f32 -> the same shape. Throws when x does not end
 * in `normalizedShape` (a number: one axis of that size).
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  { weight, bias, eps = 1e-5 }: LayerNormOptions = {},
): Tensor {
  const axes = lastAxes('layerNorm', x, normalizedShape, weight, bias, eps)
  if (weight && bias && x.size > 0) return normalizeRows(layerNormOp, x, [weight, bias], eps)
  return normalize(x, axes, eps, weight, bias).y
}

/** Options of {@link rmsNorm}. */
export interface RmsNormOptions {
  /** Multiplied after normalizing; of the normalized shape. */
  readonly weight?: Tensor | null
  /** Added to the mean of squares; the step of f32 at 1, 1.1920929e-7, unless given. */
  readonly eps?: number
}

/** x / sqrt(mean(x ** 2) + eps) over the last axes (Zhang and Sennrich 2019): x [..., *normalizedShape], f32 -> the same shape. */
export function rmsNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  { weight, eps = 2 ** -23 }: RmsNormOptions = {},
): Tensor {
  const axes = lastAxes('rmsNorm', x, normalizedShape, weight, null, eps)
  if (weight && x.size > 0) return normalizeRows(rmsNormOp, x, [weight], eps)
  const y = rootMeanSquare(x, axes, eps)
  return weight ? mul(y, weight) : y
}

/** The axes to be normalized; throws unless x ends in them, and the rest fits. */
function lastAxes(
  op: string,
  x: Tensor,
  normalizedShape: number | readonly number[],
  weight: Tensor | null | undefined,
  bias: Tensor | null | undefined,
  eps: number,
): number[] {
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
  needDtype(op, 'x', x, 'f32')
  const lead = x.shape.length - shape.length
  if (shape.length === 0 || lead < 0 || !sameShape(x.shape.slice(lead), shape) || numel(shape) === 0) {
    const wanted = `its last axes must be ${formatShape(shape)}, with at least one element`
    fail(op, `x is ${formatShape(x.shape)}`, wanted)
  }
  checkAffine(op, shape, weight, bias)
  checkEps(op, eps)
  return shape.map((_, d) => lead + d)
}
