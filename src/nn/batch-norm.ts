import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { batchNorm } from '../ops/norm.ts'
import { formatShape, numel } from '../shape.ts'
import { RunningNorm, type RunningNormOptions } from './running-norm.ts'

/** Options of the batch norms; `affine` and `trackRunningStats` are true unless given. */
export interface BatchNormModuleOptions extends RunningNormOptions {}

/** What batch norms of all ranks do. */
abstract class BatchNorm extends RunningNorm {
  constructor(
    label: string,
    ranks: Readonly<Record<number, string>>,
    numFeatures: number,
    options: BatchNormModuleOptions,
  ) {
    super(label, ranks, numFeatures, { affine: true, trackRunningStats: true, ...options })
  }

  override forward(x: Tensor): Tensor {
    this.check(x)
    const { weight, bias, eps, runningMean, runningVar } = this
    if (!this.usesInput()) return batchNorm(x, { weight, bias, runningMean, runningVar, eps, training: false }).y
    const n = numel(x.shape.slice(0, -1))
    if (n < 2)
      fail(this.label, `the input is ${formatShape(x.shape)}`, 'training needs more than one value for each channel')
    const { y, mean, variance } = batchNorm(x, { weight, bias, eps, training: true })
    this.track(mean, variance, n)
    return y
  }
}

/**
 * Normalises each channel over the batch and the sequence (Ioffe and Szegedy 2015), as {@link BatchNorm2d} does.
 *
 * Shape: [N, numFeatures] or [N, L, numFeatures] -> the same.
 */
export class BatchNorm1d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormModuleOptions = {}) {
    super('BatchNorm1d', { 2: 'N', 3: 'N, L' }, numFeatures, options)
  }
}

/**
 * Normalises each channel over the batch and the image (Ioffe and Szegedy 2015), in training by the batch's statistics,
 * which are averaged into `runningMean` and `runningVar`, in evaluation by those averages.
 *
 * Shape: [N, H, W, numFeatures] -> the same.
 */
export class BatchNorm2d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormModuleOptions = {}) {
    super('BatchNorm2d', { 4: 'N, H, W' }, numFeatures, options)
  }
}
