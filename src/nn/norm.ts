import type { Tensor } from '../graph/tensor.ts'
import { full } from '../ops/elementwise.ts'
import { layerNorm } from '../ops/layer-norm.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

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
