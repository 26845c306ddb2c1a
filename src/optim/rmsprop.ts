import { fail } from '../errors.ts'
import type { Parameter } from '../nn/parameter.ts'
import { centeredRmspropUpdateOp, rmspropUpdateOp } from '../ops/optimizer.ts'
import { Optimizer, type ParameterGroup } from './optimizer.ts'

/** Options of {@link RMSprop}. */
export interface RMSpropOptions {
  /** Learning rate; 1e-2 unless given. */
  lr: number
  /** Decay rate of the mean square of the gradient; 0.99 unless given. */
  alpha: number
  /** Added to the root of the mean square; 1e-8 unless given. */
  eps: number
  /** Share of the last update that is kept; 0 unless given. */
  momentum: number
  /** Added to the gradient, times the weight; 0 unless given. */
  weightDecay: number
  /** Divides by the gradient's standard deviation instead; decided when the optimizer is made. */
  readonly centered: boolean
}

/** RMSprop (Tieleman and Hinton 2012), as PyTorch has it. */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(
    params: readonly Parameter[] | readonly ParameterGroup<RMSpropOptions>[],
    options: Partial<RMSpropOptions> = {},
  ) {
    const all = { lr: 1e-2, alpha: 0.99, eps: 1e-8, momentum: 0, weightDecay: 0, centered: false, ...options }
    if (!(all.lr >= 0)) fail('RMSprop', `lr is ${all.lr}`, 'it must be at least 0')
    if (!(all.alpha >= 0 && all.alpha < 1))
      fail('RMSprop', `alpha is ${all.alpha}`, 'it must be at least 0 and below 1')
    if (!(all.eps > 0)) fail('RMSprop', `eps is ${all.eps}`, 'it must be above 0')
    if (!(all.momentum >= 0)) fail('RMSprop', `momentum is ${all.momentum}`, 'it must be at least 0')
    if (!(all.weightDecay >= 0)) fail('RMSprop', `weightDecay is ${all.weightDecay}`, 'it must be at least 0')
    super(params, all, ({ centered }) => ({
      name: 'RMSprop',
      op: centered ? centeredRmspropUpdateOp : rmspropUpdateOp,
      moments: [{ name: 'square_avg' }, { name: 'momentum_buffer' }, ...(centered ? [{ name: 'grad_avg' }] : [])],
      hyper: ({ lr, alpha, eps, momentum, weightDecay }) => [weightDecay, alpha, 1 - alpha, eps, momentum, lr],
    }))
  }
}
