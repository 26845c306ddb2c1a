import { fail } from '../errors.ts'
import type { Parameter } from '../nn/parameter.ts'
import { lionUpdateOp } from '../ops/optimizer.ts'
import { Optimizer, type ParameterGroup } from './optimizer.ts'

/** Options of {@link Lion}. */
export interface LionOptions {
  /** Learning rate; 1e-4 unless given: every weight moves by it at each step. */
  lr: number
  /** The moment's share in the update's sign, and its decay rate; [0.9, 0.99] unless given. */
  betas: readonly [number, number]
  /** Weight decay, taken off the weights; 0 unless given. */
  weightDecay: number
}

/** Lion (Chen et al. 2023): steps of equal size in the direction of a moment's sign. */
export class Lion extends Optimizer<LionOptions> {
  constructor(
    params: readonly Parameter[] | readonly ParameterGroup<LionOptions>[],
    options: Partial<LionOptions> = {},
  ) {
    const all: LionOptions = { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0, ...options }
    if (!(all.lr >= 0)) fail('Lion', `lr is ${all.lr}`, 'it must be at least 0')
    if (!all.betas.every((b) => b >= 0 && b < 1))
      fail('Lion', `betas are ${all.betas.join(', ')}`, 'both must be at least 0 and below 1')
    if (!(all.weightDecay >= 0)) fail('Lion', `weightDecay is ${all.weightDecay}`, 'it must be at least 0')
    super(params, all, () => ({
      name: 'Lion',
      op: lionUpdateOp,
      moments: [{ name: 'exp_avg' }],
      hyper: ({ lr, betas: [b1, b2], weightDecay }) => [lr * weightDecay, lr, b1, 1 - b1, b2, 1 - b2],
    }))
  }
}
