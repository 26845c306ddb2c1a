import type { Tensor } from '../graph/tensor.ts'
import { instanceStatistics } from '../ops/group-norm.ts'
import { batchNorm } from '../ops/norm.ts'
import { mean as meanOf } from '../ops/reduce.ts'
import { numel } from '../shape.ts'
import { RunningNorm, type RunningNormOptions } from './running-norm.ts'

/** Options of the instance norms; `affine` and `trackRunningStats` are false unless given. */
export interface InstanceNormOptions extends RunningNormOptions {}

/** What instance norms of all ranks do. */
abstract class InstanceNorm extends RunningNorm {
  override forward(x: Tensor): Tensor {
    this.check(x)
    const { weight, bias, eps, runningMean, runningVar } = this
    if (!this.usesInput()) return batchNorm(x, { weight, bias, runningMean, runningVar, eps, training: false }).y
    const { y, mean, variance } = instanceStatistics(x, { weight, bias, eps })
    if (this.runningMean) this.track(meanOf(mean, 0), meanOf(variance, 0), numel(x.shape.slice(1, -1)))
    return y
  }
}

/**
 * Normalises each channel of each sequence over its steps (Ulyanov et al. 2016), as {@link InstanceNorm2d} does.
 *
 * Shape: [N, L, numFeatures] -> the same.
 */
export class InstanceNorm1d extends InstanceNorm {
  constructor(numFeatures: number, options: InstanceNormOptions = {}) {
    super('InstanceNorm1d', { 3: 'N, L' }, numFeatures, options)
  }
}

/**
 * Normalises each channel of each image over its pixels (Ulyanov et al. 2016), in training and in evaluation alike unless
 * `trackRunningStats` is asked for: then evaluation takes the averages of the images' statistics.
 *
 * Shape: [N, H, W, numFeatures] -> the same. Has `weight` and `bias` only where `affine` is asked for.
 */
export class InstanceNorm2d extends InstanceNorm {
  constructor(numFeatures: number, options: InstanceNormOptions = {}) {
    super('InstanceNorm2d', { 4: 'N, H, W' }, numFeatures, options)
  }
}
