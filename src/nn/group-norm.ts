import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { full } from '../ops/elementwise.ts'
import { groupNorm, instanceNorm, rmsNorm } from '../ops/group-norm.ts'
import { formatShape } from '../shape.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

/**
 * Normalises runs of channels of each image over its pixels (Wu and He 2018).
 *
 * Shape: [N, ..., numChannels] -> the same. `weight` starts at 1 and `bias` at 0.
 */
export class GroupNorm extends Module {
  readonly weight: Parameter | null
  readonly bias: Parameter | null
  readonly numGroups: number
  readonly numChannels: number
  readonly eps: number

  constructor(
    numGroups: number,
    numChannels: number,
    options: { readonly eps?: number; readonly affine?: boolean } = {},
  ) {
    super()
    if (numChannels % numGroups !== 0)
      fail('GroupNorm', `${numGroups} groups of ${numChannels} channels`, 'the groups must divide the channels')
    const { eps = 1e-5, affine = true } = options
    this.numGroups = numGroups
    this.numChannels = numChannels
    this.eps = eps
    this.weight = affine ? new Parameter(full([numChannels], 1), 'GroupNorm.weight') : null
    this.bias = affine ? new Parameter(full([numChannels], 0), 'GroupNorm.bias') : null
  }

  override forward(x: Tensor): Tensor {
    checkChannels('GroupNorm', x, this.numChannels)
    return groupNorm(x, this.numGroups, { weight: this.weight, bias: this.bias, eps: this.eps })
  }
}

/**
 * Normalises each channel of each image over its pixels (Ulyanov et al. 2016), in training and in evaluation alike.
 *
 * Shape: [N, H, W, numFeatures] -> the same. Has `weight` and `bias` only where `affine` is asked for.
 */
export class InstanceNorm2d extends Module {
  readonly weight: Parameter | null
  readonly bias: Parameter | null
  readonly numFeatures: number
  readonly eps: number

  constructor(numFeatures: number, options: { readonly eps?: number; readonly affine?: boolean } = {}) {
    super()
    const { eps = 1e-5, affine = false } = options
    this.numFeatures = numFeatures
    this.eps = eps
    this.weight = affine ? new Parameter(full([numFeatures], 1), 'InstanceNorm2d.weight') : null
    this.bias = affine ? new Parameter(full([numFeatures], 0), 'InstanceNorm2d.bias') : null
  }

  override forward(x: Tensor): Tensor {
    if (x.shape.length !== 4)
      fail('InstanceNorm2d', `the input is ${formatShape(x.shape)}`, `it must be [N, H, W, ${this.numFeatures}]`)
    checkChannels('InstanceNorm2d', x, this.numFeatures)
    return instanceNorm(x, { weight: this.weight, bias: this.bias, eps: this.eps })
  }
}

/**
 * Divides the last axes by the root of their mean square (Zhang and Sennrich 2019).
 *
 * Shape: [..., normalizedShape] -> the same. `weight` starts at 1.
 */
export class RMSNorm extends Module {
  readonly weight: Parameter | null
  readonly normalizedShape: readonly number[]
  readonly eps: number

  constructor(
    normalizedShape: number | readonly number[],
    options: { readonly eps?: number; readonly elementwiseAffine?: boolean } = {},
  ) {
    super()
    const { eps = 2 ** -23, elementwiseAffine = true } = options
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
    this.eps = eps
    this.weight = elementwiseAffine ? new Parameter(full(this.normalizedShape, 1), 'RMSNorm.weight') : null
  }

  override forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, { weight: this.weight, eps: this.eps })
  }
}

function checkChannels(name: string, x: Tensor, channels: number): void {
  if (x.shape[x.shape.length - 1] !== channels)
    fail(name, `the input is ${formatShape(x.shape)}`, `its last axis must be ${channels}`)
}
