import { fail } from '../errors.ts'
import type { Parameter } from '../nn/parameter.ts'
import { sgdUpdateOp } from '../ops/optimizer.ts'
import { Optimizer, type ParameterGroup } from './optimizer.ts'

/** Options of {@link SGD}. */
export interface SGDOptions {
  /** Learning rate. */
  lr: number
  /** Share of the last update that is kept; 0 unless given. */
  momentum: number
  /** Added to the gradient, times the weight; 0 unless given. */
  weightDecay: number
  /** Looks ahead along the momentum (Sutskever et al. 2013). */
  nesterov: boolean
}

/** Stochastic gradient descent with momentum, as PyTorch has it (no dampening). */
export class SGD extends Optimizer<SGDOptions> {
  constructor(
    params: readonly Parameter[] | readonly ParameterGroup<SGDOptions>[],
    options: Partial<SGDOptions> & { readonly lr: number },
  ) {
    const all: SGDOptions = { momentum: 0, weightDecay: 0, nesterov: false, ...options }
    if (!(all.lr >= 0)) fail('SGD', `lr is ${all.lr}`, 'it must be at least 0')
    if (!(all.momentum >= 0)) fail('SGD', `momentum is ${all.momentum}`, 'it must be at least 0')
    if (!(all.weightDecay >= 0)) fail('SGD', `weightDecay is ${all.weightDecay}`, 'it must be at least 0')
    if (all.nesterov && all.momentum === 0) fail('SGD', 'nesterov with momentum 0', 'it needs a momentum above 0')
    super(params, all, () => ({
      name: 'SGD',
      op: sgdUpdateOp,
      moments: [{ name: 'momentum_buffer' }],
      attrs: ({ nesterov }) => ({ NESTEROV: nesterov }),
      hyper: ({ lr, momentum, weightDecay }) => [lr, momentum, weightDecay],
    }))
  }
}
