import { fail } from '../errors.ts'
import type { Parameter } from '../nn/parameter.ts'
import { adagradUpdateOp } from '../ops/optimizer.ts'
import { Optimizer, type ParameterGroup } from './optimizer.ts'

/** Options of {@link Adagrad}. */
export interface AdagradOptions {
  /** Learning rate; 1e-2 unless given. */
  lr: number
  /** Step t, from 0, takes lr / (1 + t lrDecay); 0 unless given. */
  lrDecay: number
  /** Added to the gradient, times the weight; 0 unless given. */
  weightDecay: number
  /** What the sum of squares starts from, when the optimizer is made; 0 unless given. */
  readonly initialAccumulatorValue: number
  /** Added to the root of the sum; 1e-10 unless given. */
  eps: number
}

/** Adagrad (Duchi et al. 2011). */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(
    params: readonly Parameter[] | readonly ParameterGroup<AdagradOptions>[],
    options: Partial<AdagradOptions> = {},
  ) {
    const all = { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, ...options }
    for (const [name, value] of Object.entries(all))
      if (!(value >= 0)) fail('Adagrad', `${name} is ${value}`, 'it must be at least 0')
    super(params, all, ({ initialAccumulatorValue }) => ({
      name: 'Adagrad',
      op: adagradUpdateOp,
      moments: [{ name: 'sum', initial: initialAccumulatorValue }],
      hyper: ({ lr, lrDecay, weightDecay, eps }, t) => [weightDecay, eps, lr / (1 + (t - 1) * lrDecay)],
    }))
  }
}
