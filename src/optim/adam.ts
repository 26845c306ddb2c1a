import { fail } from '../errors.ts'
import type { Parameter } from '../nn/parameter.ts'
import { adamUpdateOp } from '../ops/optimizer.ts'
import { Optimizer, type ParameterGroup, type UpdateRule } from './optimizer.ts'

/** Options of {@link Adam} and {@link AdamW}. */
export interface AdamOptions {
  /** Learning rate; 1e-3 unless given. */
  lr: number
  /** Decay rates of the two moments; [0.9, 0.999] unless given. */
  betas: readonly [number, number]
  /** Added to the root of the second moment; 1e-8 unless given. */
  eps: number
  /**
   * Weight decay: added to the gradient in Adam (0 unless given), taken off the weights in AdamW (0.01 unless given).
   */
  weightDecay: number
}

function checked(name: string, options: AdamOptions): AdamOptions {
  const { lr, betas, eps, weightDecay } = options
  if (!(lr >= 0)) fail(name, `lr is ${lr}`, 'it must be at least 0')
  if (!betas.every((b) => b >= 0 && b < 1))
    fail(name, `betas are ${betas.join(', ')}`, 'both must be at least 0 and below 1')
  if (!(eps > 0)) fail(name, `eps is ${eps}`, 'it must be above 0')
  if (!(weightDecay >= 0)) fail(name, `weightDecay is ${weightDecay}`, 'it must be at least 0')
  return options
}

function hyper({ lr, betas: [b1, b2], eps, weightDecay }: AdamOptions, t: number, decoupled: boolean): number[] {
  const c1 = 1 - b1 ** t
  const c2 = 1 - b2 ** t
  return [
    decoupled ? lr * weightDecay : 0,
    decoupled ? 0 : weightDecay,
    b1,
    1 - b1,
    b2,
    1 - b2,
    eps,
    lr / c1,
    1 / Math.sqrt(c2),
  ]
}

function rule(decoupled: boolean): () => UpdateRule<AdamOptions> {
  return () => ({
    name: decoupled ? 'AdamW' : 'Adam',
    op: adamUpdateOp,
    moments: [{ name: 'exp_avg' }, { name: 'exp_avg_sq' }],
    hyper: (o, t) => hyper(o, t, decoupled),
  })
}

/** Adam (Kingma and Ba 2015). */
export class Adam extends Optimizer<AdamOptions> {
  constructor(
    params: readonly Parameter[] | readonly ParameterGroup<AdamOptions>[],
    options: Partial<AdamOptions> = {},
  ) {
    super(
      params,
      checked('Adam', { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, ...options }),
      rule(false),
    )
  }
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019). */
export class AdamW extends Optimizer<AdamOptions> {
  constructor(
    params: readonly Parameter[] | readonly ParameterGroup<AdamOptions>[],
    options: Partial<AdamOptions> = {},
  ) {
    super(
      params,
      checked('AdamW', { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, ...options }),
      rule(true),
    )
  }
}
