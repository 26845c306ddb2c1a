import { fail } from '../errors.ts'
import { noGrad, type Tensor } from '../graph/tensor.ts'
import { activeTrace } from '../graph/trace.ts'
import { add, mul } from '../ops/arithmetic.ts'
import { full } from '../ops/elementwise.ts'
import { batchNorm, layerNorm } from '../ops/norm.ts'
import { formatShape, numel } from '../shape.ts'
import { Module } from './module.ts'
import { Buffer, Counter, Parameter } from './parameter.ts'

/**
 * Normalises each channel over the batch and the image (Ioffe and Szegedy 2015), in training by the batch's statistics,
 * which are averaged into `runningMean` and `runningVar`, in evaluation by those averages.
 *
 * Shape: [N, H, W, numFeatures] -> the same.
 */
export class BatchNorm2d extends Module {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly runningMean: Buffer
  readonly runningVar: Buffer
  readonly numBatchesTracked: Counter = new Counter()
  readonly numFeatures: number
  readonly eps: number
  readonly momentum: number

  constructor(numFeatures: number, options: { readonly eps?: number; readonly momentum?: number } = {}) {
    super()
    this.numFeatures = numFeatures
    this.eps = options.eps ?? 1e-5
    this.momentum = options.momentum ?? 0.1
    this.weight = new Parameter(full([numFeatures], 1), 'BatchNorm2d.weight')
    this.bias = new Parameter(full([numFeatures], 0), 'BatchNorm2d.bias')
    this.runningMean = new Buffer(full([numFeatures], 0), 'BatchNorm2d.running_mean')
    this.runningVar = new Buffer(full([numFeatures], 1), 'BatchNorm2d.running_var')
  }

  override forward(x: Tensor): Tensor {
    const { shape } = x
    if (shape.length !== 4 || shape[3] !== this.numFeatures) {
      fail('BatchNorm2d', `the input is ${formatShape(shape)}`, `it must be [N, H, W, ${this.numFeatures}]`)
    }
    const { weight, bias, eps, momentum, runningMean, runningVar } = this
    if (!this.isTraining()) return batchNorm(x, { weight, bias, runningMean, runningVar, eps, training: false }).y
    const n = numel(shape.slice(0, 3))
    if (n < 2)
      fail('BatchNorm2d', `the input is ${formatShape(shape)}`, 'training needs more than one value for each channel')
    const { y, mean, variance } = batchNorm(x, { weight, bias, eps, training: true })
    noGrad(() => {
      runningMean.assign(add(mul(runningMean, 1 - momentum), mul(mean as Tensor, momentum)))
      runningVar.assign(add(mul(runningVar, 1 - momentum), mul(variance as Tensor, (momentum * n) / (n - 1))))
    })
    const count = (): void => {
      this.numBatchesTracked.value++
    }
    const trace = activeTrace()
    if (trace) trace.hooks.push(count)
    else count()
    return y
  }
}

/**
 * Normalises over the last axes (Ba et al. 2016).
 *
 * Shape: [..., normalizedShape] -> the same. `weight` starts at 1 and `bias` at 0.
 */
export class LayerNorm extends Module {
  readonly weight: Parameter | null
  readonly bias: Parameter | null
  readonly normalizedShape: readonly number[]
  readonly eps: number

  constructor(
    normalizedShape: number | readonly number[],
    options: { readonly eps?: number; readonly elementwiseAffine?: boolean } = {},
  ) {
    super()
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
    this.eps = options.eps ?? 1e-5
    const affine = options.elementwiseAffine ?? true
    this.weight = affine ? new Parameter(full(this.normalizedShape, 1), 'LayerNorm.weight') : null
    this.bias = affine ? new Parameter(full(this.normalizedShape, 0), 'LayerNorm.bias') : null
  }

  override forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, {
      ...(this.weight ? { weight: this.weight } : {}),
      ...(this.bias ? { bias: this.bias } : {}),
      eps: this.eps,
    })
  }
}
