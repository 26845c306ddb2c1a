import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { full } from '../ops/elementwise.ts'
import { groupNorm } from '../ops/group-norm.ts'
import { rmsNorm } from '../ops/layer-norm.ts'
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
