import { fail } from '../errors.ts'
import { type Device, defaultDevice } from '../gpu/device.ts'
import { detach, type Tensor } from '../graph/tensor.ts'
import { formatShape } from '../shape.ts'
import { add, clamp, div, less, log, mul, neg, sub } from './arithmetic.ts'
import { cast } from './elementwise.ts'
import { oneHot } from './gather.ts'
import { unsqueeze } from './movement.ts'
import { rand, randomBits } from './random.ts'
import { argmax, expand } from './reduce.ts'
import { floor } from './rounding.ts'
import { softmax } from './softmax.ts'
import { argsort, topk } from './sort.ts'

/** Whole numbers uniform from `low` to `high` - 1, as i32; the two at most 2^24 apart. */
export function randint(
  low: number,
  high: number,
  shape: readonly number[],
  options: { readonly device?: Device } = {},
): Tensor {
  if (!Number.isInteger(low) || !Number.isInteger(high) || low >= high || high - low > 2 ** 24)
    fail('randint', `low is ${low} and high is ${high}`, 'they must be whole numbers, high above low by at most 2^24')
  return add(cast(floor(mul(rand(shape, options), high - low)), 'i32'), low)
}

/** The numbers 0 to n - 1 in random order, as i32; n at most 16,384. */
export function randperm(n: number, options: { readonly device?: Device } = {}): Tensor {
  return argsort(randomBits([n], options.device ?? defaultDevice()))
}

/** 1 with the probability of each element of p, 0 elsewhere; f32 of the shape of p. Has no gradient. */
export function bernoulli(p: Tensor): Tensor {
  return cast(less(rand(p.shape, { device: p.device }), p), 'f32')
}

/** Numbers of the exponential distribution, above 0 and finite. */
function exponential(shape: readonly number[], device: Device): Tensor {
  return clamp(neg(log(sub(1, rand(shape, { device })))), 2 ** -24, 100)
}

/**
 * Positions drawn along the last axis with probabilities in proportion to the weights: weights f32 [..., C], at least 0 -> i32
 * [..., count]. Without `replacement` (the default) no position is drawn twice in a row of draws. Has no gradient.
 */
export function multinomial(weights: Tensor, count: number, replacement = false): Tensor {
  const classes = weights.shape[weights.shape.length - 1] ?? 0
  if (!Number.isInteger(count) || count < 1 || (!replacement && count > classes))
    fail(
      'multinomial',
      `count is ${count} for weights ${formatShape(weights.shape)}`,
      replacement ? 'it must be a whole number of at least 1' : `it must be from 1 to ${classes} without replacement`,
    )
  // Of exponential waiting times divided by their weights, each is the shortest with the probability of its share.
  if (!replacement) return topk(div(detach(weights), exponential(weights.shape, weights.device)), count).indices
  const shape = [...weights.shape.slice(0, -1), count, classes]
  return argmax(div(expand(unsqueeze(detach(weights), -2), shape), exponential(shape, weights.device)), -1)
}

/** Options of {@link gumbelSoftmax}. */
export interface GumbelOptions {
  /** How soft the draw is; 1 unless given. */
  readonly tau?: number
  /** Gives the drawn class alone, with the gradient of the soft draw; false unless given. */
  readonly hard?: boolean
}

/** A soft draw of a class along the last axis (Jang et al. 2017): logits f32 [..., C] -> [..., C], rows of sum 1. */
export function gumbelSoftmax(logits: Tensor, { tau = 1, hard = false }: GumbelOptions = {}): Tensor {
  if (!(tau > 0)) fail('gumbelSoftmax', `tau is ${tau}`, 'it must be above 0')
  const gumbel = neg(log(exponential(logits.shape, logits.device)))
  const soft = softmax(div(add(logits, gumbel), tau), -1)
  if (!hard) return soft
  const drawn = oneHot(argmax(soft, -1), logits.shape[logits.shape.length - 1] as number)
  return add(sub(drawn, detach(soft)), soft)
}
