import { fail } from '../../errors.ts'
import type { Module } from '../../nn/module.ts'
import type { Parameter } from '../../nn/parameter.ts'
import { decayGroups } from '../../optim/groups.ts'

/** How {@link bertGroups} sets options. */
export interface BertGroupOptions {
  /** Learning rate of the head. */
  readonly lr: number
  /** Of weights of two axes; 0.01 unless given. Biases and LayerNorms do not decay. */
  readonly weightDecay?: number
  /** What the rate is multiplied by from each layer to the one below it (Howard and Ruder 2018); 1 unless given. */
  readonly layerDecay?: number
}

/** Parameters with the options they get. */
export interface BertGroup {
  readonly params: readonly Parameter[]
  readonly lr: number
  readonly weightDecay: number
}

/**
 * The parameters of a BERT in groups for an optimizer: two, those that decay and those that do not, or two for each layer where their rates
 * differ: the embeddings at the bottom, the head and the pooler on top. What is frozen is left out.
 *
 * @example new AdamW(bertGroups(model, { lr: 5e-5, layerDecay: 0.9 }))
 */
export function bertGroups(model: Module, options: BertGroupOptions): BertGroup[] {
  const { lr, weightDecay = 0.01, layerDecay = 1 } = options
  if (!(layerDecay > 0 && layerDecay <= 1))
    fail('bertGroups', `layerDecay is ${layerDecay}`, 'it must be above 0 and at most 1')
  const trained = model.namedParameters().filter(([, p]) => p.requiresGrad)
  const layerOf = (key: string): number => Number(/encoder\.layer\.(\d+)\./.exec(key)?.[1] ?? Number.NaN)
  const layers = Math.max(0, ...trained.map(([key]) => layerOf(key) + 1 || 0))
  const depthOf = (key: string): number => {
    if (key.includes('embeddings.')) return 0
    const layer = layerOf(key)
    return Number.isNaN(layer) ? layers + 1 : layer + 1
  }
  const depths = layerDecay === 1 ? [layers + 1] : Array.from({ length: layers + 2 }, (_, depth) => layers + 1 - depth)
  return depths.flatMap((depth) => {
    const own = trained.filter(([key]) => layerDecay === 1 || depthOf(key) === depth).map(([, p]) => p)
    return decayGroups(own, weightDecay).map((group) => ({ ...group, lr: lr * layerDecay ** (layers + 1 - depth) }))
  })
}
