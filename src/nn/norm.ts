import { fail } from '../errors.ts'
import { noGrad, type Tensor } from '../graph/tensor.ts'
import { activeTrace } from '../graph/trace.ts'
import { add, mul } from '../ops/arithmetic.ts'
import { full } from '../ops/elementwise.ts'
import { batchNorm, layerNorm } from '../ops/norm.ts'
import { formatShape, numel } from '../shape.ts'
import { Module } from './module.ts'
import { Buffer, Counter, Parameter } from './parameter.ts'

/** Options of the batch norms. */
export interface BatchNormModuleOptions {
  /** Added to the variance; 1e-5 unless given. */
  readonly eps?: number
  /** The share of a batch's statistics in the new averages; 0.1 unless given. */
  readonly momentum?: number
}

/** What batch norms of all ranks do. `ranks` are the inputs they take, by the number of axes, up to the channels. */
abstract class BatchNorm extends Module {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly runningMean: Buffer
  readonly runningVar: Buffer
  readonly numBatchesTracked: Counter = new Counter()
  readonly numFeatures: number
  readonly eps: number
  readonly momentum: number
  private readonly label: string
  private readonly ranks: Readonly<Record<number, string>>

  constructor(
    label: string,
    ranks: Readonly<Record<number, string>>,
    numFeatures: number,
    options: BatchNormModuleOptions,
  ) {
    super()
    this.label = label
    this.ranks = ranks
    this.numFeatures = numFeatures
    this.eps = options.eps ?? 1e-5
    this.momentum = options.momentum ?? 0.1
    this.weight = new Parameter(full([numFeatures], 1), `${label}.weight`)
    this.bias = new Parameter(full([numFeatures], 0), `${label}.bias`)
    this.runningMean = new Buffer(full([numFeatures], 0), `${label}.running_mean`)
    this.runningVar = new Buffer(full([numFeatures], 1), `${label}.running_var`)
  }

  override forward(x: Tensor): Tensor {
    const { shape } = x
    if (!(shape.length in this.ranks) || shape[shape.length - 1] !== this.numFeatures) {
      const wanted = Object.values(this.ranks).map((axes) => `[${axes}, ${this.numFeatures}]`)
      fail(this.label, `the input is ${formatShape(shape)}`, `it must be ${wanted.join(' or ')}`)
    }
    const { weight, bias, eps, momentum, runningMean, runningVar } = this
    if (!this.isTraining()) return batchNorm(x, { weight, bias, runningMean, runningVar, eps, training: false }).y
    const n = numel(shape.slice(0, -1))
    if (n < 2)
      fail(this.label, `the input is ${formatShape(shape)}`, 'training needs more than one value for each channel')
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
