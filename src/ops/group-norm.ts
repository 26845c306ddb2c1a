import { fail } from '../errors.ts'
import { needDtype } from '../graph/op.ts'
import type { Tensor } from '../graph/tensor.ts'
import { formatShape, numel } from '../shape.ts'
import { type BatchNormResult, checkAffine, checkEps, normalize } from './norm.ts'
import { reshape } from './reshape.ts'

/** Options of {@link groupNorm} and {@link instanceNorm}. */
export interface GroupNormOptions {
  /** Multiplied after normalizing, [C]. */
  readonly weight?: Tensor | null
  /** Added last, [C]. */
  readonly bias?: Tensor | null
  /** Added to the variance; 1e-5 unless given. */
  readonly eps?: number
}

/**
 * Normalizes each of `groups` runs of channels of each image over its pixels (Wu and He 2018): x [N, ..., C], f32 -> the same shape.
 * Throws when C is no multiple of `groups`.
 */
export function groupNorm(x: Tensor, groups: number, options: GroupNormOptions = {}): Tensor {
  return grouped('groupNorm', x, groups, options).y
}

/** Normalizes each channel of each image over its pixels (Ulyanov et al. 2016): x [N, ..., C], f32 -> the same shape. */
export function instanceNorm(x: Tensor, options: GroupNormOptions = {}): Tensor {
  return instanceStatistics(x, options).y
}

/** @internal {@link instanceNorm} with the mean and the variance (over n, not n - 1) of each channel of each image, [N, C]. */
export function instanceStatistics(x: Tensor, options: GroupNormOptions = {}): BatchNormResult {
  const pixels = numel(x.shape.slice(1, -1))
  if (x.shape.length < 3 || pixels < 2)
    fail('instanceNorm', `x is ${formatShape(x.shape)}`, 'it must be [N, ..., C] with at least two pixels')
  const channels = x.shape[x.shape.length - 1] as number
  const { y, mean, variance } = grouped('instanceNorm', x, channels, options)
  const shape = [x.shape[0] as number, channels]
  return { y, mean: reshape(mean, shape), variance: reshape(variance, shape) }
}

function grouped(
  op: string,
  x: Tensor,
  groups: number,
  { weight, bias, eps = 1e-5 }: GroupNormOptions,
): BatchNormResult {
  needDtype(op, 'x', x, 'f32')
  const rank = x.shape.length
  if (rank < 2 || numel(x.shape.slice(1)) === 0)
    fail(op, `x is ${formatShape(x.shape)}`, 'it must be [N, ..., C] with at least one element for each image')
  const channels = x.shape[rank - 1] as number
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0)
    fail(op, `groups is ${groups} and x is ${formatShape(x.shape)}`, `it must divide the channels (${channels})`)
  checkAffine(op, [channels], weight, bias)
  checkEps(op, eps)
  const runs = [groups, channels / groups]
  const split = reshape(x, [x.shape[0] as number, numel(x.shape.slice(1, -1)), ...runs])
  const all = normalize(split, [1, 3], eps, weight && reshape(weight, runs), bias && reshape(bias, runs))
  return { ...all, y: reshape(all.y, x.shape) }
}
