import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { add } from '../ops/arithmetic.ts'
import { einsum } from '../ops/einsum.ts'
import { reshape } from '../ops/reshape.ts'
import { formatShape, numel } from '../shape.ts'
import { uniform } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

/**
 * y[o] = a^T weight[o] b + bias[o].
 *
 * Shape: [..., in1Features] and [..., in2Features] -> [..., outFeatures]. `weight` [outFeatures, in1Features, in2Features] and `bias`
 * [outFeatures] start uniform within 1 / sqrt(in1Features).
 */
export class Bilinear extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | null

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    options: { readonly bias?: boolean } = {},
  ) {
    super()
    const bound = 1 / Math.sqrt(Math.max(1, in1Features))
    this.weight = new Parameter(uniform([outFeatures, in1Features, in2Features], bound), 'Bilinear.weight')
    this.bias = (options.bias ?? true) ? new Parameter(uniform([outFeatures], bound), 'Bilinear.bias') : null
  }

  override forward(a: Tensor, b: Tensor): Tensor {
    const [outputs = 0, n = 0, m = 0] = this.weight.shape
    const lead = a.shape.slice(0, -1)
    const rows = numel(lead)
    if (a.shape[lead.length] !== n || b.shape[b.shape.length - 1] !== m || numel(b.shape) !== rows * m) {
      const shown = `the inputs are ${formatShape(a.shape)} and ${formatShape(b.shape)}`
      fail('Bilinear', shown, `they must be [..., ${n}] and [..., ${m}] with the same axes before`)
    }
    const y = einsum('bi,oij,bj->bo', reshape(a, [rows, n]), this.weight, reshape(b, [rows, m]))
    return reshape(this.bias ? add(y, this.bias) : y, [...lead, outputs])
  }
}
