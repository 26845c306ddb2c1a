import { fail } from '../errors.ts'
import { detach, type Tensor } from '../graph/tensor.ts'
import { add, equal, where } from '../ops/arithmetic.ts'
import { embedding } from '../ops/gather.ts'
import { matmul } from '../ops/matmul.ts'
import { arange, unsqueeze } from '../ops/movement.ts'
import { formatShape } from '../shape.ts'
import { kaimingUniform, normal, uniform } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

/**
 * y = x weight^T + bias.
 *
 * Shape: [..., inFeatures] -> [..., outFeatures]. `weight` [outFeatures, inFeatures] and `bias` [outFeatures] start
 * uniform within 1 / sqrt(inFeatures).
 */
export class Linear extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | null
  readonly inFeatures: number
  readonly outFeatures: number

  constructor(inFeatures: number, outFeatures: number, options: { readonly bias?: boolean } = {}) {
    super()
    this.inFeatures = inFeatures
    this.outFeatures = outFeatures
    this.weight = new Parameter(kaimingUniform([outFeatures, inFeatures], inFeatures), 'Linear.weight')
    this.bias =
      (options.bias ?? true)
        ? new Parameter(uniform([outFeatures], 1 / Math.sqrt(Math.max(1, inFeatures))), 'Linear.bias')
        : null
  }

  override forward(x: Tensor): Tensor {
    if (x.shape[x.shape.length - 1] !== this.inFeatures) {
      fail('Linear', `the input is ${formatShape(x.shape)}`, `its last axis must be ${this.inFeatures}`)
    }
    const y = matmul(x, this.weight, { transB: true })
    return this.bias ? add(y, this.bias) : y
  }
}

/**
 * Looks up rows of a table.
 *
 * Shape: ids [...] (i32 or u32) -> [..., embeddingDim]. `weight` [numEmbeddings, embeddingDim] starts normal; the row `paddingIdx`, where
 * given, starts at 0 and gets no gradient.
 */
export class Embedding extends Module {
  readonly weight: Parameter
  readonly numEmbeddings: number
  readonly embeddingDim: number

  readonly paddingIdx: number | null

  constructor(numEmbeddings: number, embeddingDim: number, options: { readonly paddingIdx?: number } = {}) {
    super()
    const { paddingIdx = null } = options
    if (paddingIdx !== null && !(Number.isInteger(paddingIdx) && paddingIdx >= 0 && paddingIdx < numEmbeddings))
      fail('Embedding', `paddingIdx is ${paddingIdx}`, `it must be a row, from 0 to ${numEmbeddings - 1}`)
    this.numEmbeddings = numEmbeddings
    this.embeddingDim = embeddingDim
    this.paddingIdx = paddingIdx
    const rows = normal([numEmbeddings, embeddingDim])
    const initial = paddingIdx === null ? rows : where(equal(unsqueeze(arange(numEmbeddings), 1), paddingIdx), 0, rows)
    this.weight = new Parameter(initial, 'Embedding.weight')
  }

  override forward(ids: Tensor): Tensor {
    const rows = embedding(this.weight, ids)
    if (this.paddingIdx === null) return rows
    return where(unsqueeze(equal(ids, this.paddingIdx), -1), detach(rows), rows)
  }
}
