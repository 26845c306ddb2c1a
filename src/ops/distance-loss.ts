import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { formatShape, normalizeAxis, sameShape } from '../shape.ts'
import { add, greater, log, maximum, minimum, mul, neg, sub, where } from './arithmetic.ts'
import {
  type BceOptions,
  checkClasses,
  checkPair,
  type LossOptions,
  type NllOptions,
  type Reduction,
  reduced,
  reducedRows,
  rowWeights,
  weighted,
} from './loss.ts'
import { pick } from './pick.ts'
import { sum } from './reduce.ts'
import { abs, exp, relu, rsqrt } from './unary.ts'

/**
 * Minus the logarithm of a probability at each row's target: logProbs [..., C], as logSoftmax gives them, target i32 or u32 [...] ->
 * scalar, or [...] with reduction 'none'. A target out of range counts as the nearest class.
 */
export function nllLoss(logProbs: Tensor, target: Tensor, options: NllOptions = {}): Tensor {
  checkClasses('nllLoss', 'logProbs', logProbs, target)
  const weights = rowWeights('nllLoss', logProbs, target, options.weight)
  const losses = neg(pick(logProbs, target))
  return reducedRows('nllLoss', weights ? mul(losses, weights) : losses, target, options, weights)
}

/** A logarithm of a probability, at least -100; at 0, where it is -100, without a slope. */
function logProbability(p: Tensor): Tensor {
  const some = greater(p, 0)
  return where(some, log(where(some, p, 1)), -100)
}

/**
 * Cross entropy of probabilities with targets, both from 0 to 1; its mean unless `reduction` says otherwise. Both f32 of one shape. The
 * logarithm of 0 counts as -100; bceWithLogits has no such edge.
 */
export function bceLoss(probs: Tensor, target: Tensor, { reduction = 'mean', weight }: BceOptions = {}): Tensor {
  checkPair('bceLoss', 'probs', probs, target)
  const hit = mul(target, logProbability(probs))
  const miss = mul(sub(1, target), logProbability(sub(1, probs)))
  return reduced('bceLoss', weighted('bceLoss', neg(add(hit, miss)), weight), reduction)
}

/** (x - target) ** 2 / 2 up to a distance of `delta`, from there on straight. */
function huber(op: string, x: Tensor, target: Tensor, delta: number): Tensor {
  checkPair(op, 'x', x, target)
  const distance = abs(sub(x, target))
  const near = minimum(distance, delta)
  return mul(near, sub(distance, mul(near, 0.5)))
}

/** Options of {@link huberLoss}. */
export interface HuberOptions extends LossOptions {
  /** The distance from which on the loss is straight; 1 unless given. */
  readonly delta?: number
}

/**
 * d ** 2 / 2 where the distance d = |x - target| is below delta, delta (d - delta / 2) elsewhere; the mean unless `reduction` says
 * otherwise. Both f32 of one shape.
 */
export function huberLoss(x: Tensor, target: Tensor, { reduction = 'mean', delta = 1 }: HuberOptions = {}): Tensor {
  if (!(delta > 0 && Number.isFinite(delta))) fail('huberLoss', `delta is ${delta}`, 'it must be a positive number')
  return reduced('huberLoss', huber('huberLoss', x, target, delta), reduction)
}

/** Options of {@link smoothL1Loss}. */
export interface SmoothL1Options extends LossOptions {
  /** The distance from which on the loss is straight; 1 unless given. At 0 it is that of l1Loss. */
  readonly beta?: number
}

/**
 * d ** 2 / (2 beta) where the distance d = |x - target| is below beta, d - beta / 2 elsewhere; the mean unless `reduction` says
 * otherwise. Both f32 of one shape.
 */
export function smoothL1Loss(
  x: Tensor,
  target: Tensor,
  { reduction = 'mean', beta = 1 }: SmoothL1Options = {},
): Tensor {
  if (!(beta >= 0 && Number.isFinite(beta)))
    fail('smoothL1Loss', `beta is ${beta}`, 'it must be a number of at least 0')
  checkPair('smoothL1Loss', 'x', x, target)
  if (beta === 0) return reduced('smoothL1Loss', abs(sub(x, target)), reduction)
  return reduced('smoothL1Loss', mul(huber('smoothL1Loss', x, target, beta), 1 / beta), reduction)
}

/** Options of {@link klDivLoss}. */
export interface KlDivOptions {
  /** 'batchmean' divides the sum by the size of the first axis, as the formula has it; 'mean' unless given. */
  readonly reduction?: Reduction | 'batchmean'
  /** The target holds logarithms too; false unless given. */
  readonly logTarget?: boolean
}

/**
 * Kullback-Leibler divergence, target (log(target) - logProbs) for each element: both f32 of one shape, logProbs logarithms of
 * probabilities. A target of 0 adds nothing.
 */
export function klDivLoss(
  logProbs: Tensor,
  target: Tensor,
  { reduction = 'mean', logTarget = false }: KlDivOptions = {},
): Tensor {
  checkPair('klDivLoss', 'logProbs', logProbs, target)
  const losses = logTarget ? mul(exp(target), sub(target, logProbs)) : divergence(logProbs, target)
  if (reduction !== 'batchmean') return reduced('klDivLoss', losses, reduction)
  const rows = target.shape[0]
  if (!rows) fail('klDivLoss', `reduction 'batchmean' of ${formatShape(target.shape)}`, 'there must be a row')
  return mul(sum(losses), 1 / (rows as number))
}

function divergence(logProbs: Tensor, target: Tensor): Tensor {
  const some = greater(target, 0)
  return where(some, mul(target, sub(log(where(some, target, 1)), logProbs)), 0)
}

/** Options of {@link cosineSimilarity}. */
export interface CosineOptions {
  /** The axis of the vectors; 1 unless given. */
  readonly axis?: number
  /** The least length of a vector; 1e-8 unless given. */
  readonly eps?: number
}

/** The cosine of the angle between vectors along an axis: a and b f32 of one shape -> that shape without the axis. */
export function cosineSimilarity(a: Tensor, b: Tensor, { axis = 1, eps = 1e-8 }: CosineOptions = {}): Tensor {
  if (!sameShape(a.shape, b.shape)) {
    const shown = `a is ${formatShape(a.shape)} and b is ${formatShape(b.shape)}`
    fail('cosineSimilarity', shown, 'both must have one shape')
  }
  if (!(eps > 0 && Number.isFinite(eps)))
    fail('cosineSimilarity', `eps is ${eps}`, 'it must be a small positive number')
  const along = normalizeAxis('cosineSimilarity', axis, a.shape.length)
  const inverse = (v: Tensor): Tensor => rsqrt(maximum(sum(mul(v, v), along), eps * eps))
  return mul(sum(mul(a, b), along), mul(inverse(a), inverse(b)))
}

/** Options of {@link cosineEmbeddingLoss}. */
export interface CosineEmbeddingOptions extends LossOptions {
  /** The cosine up to which vectors that should differ cost nothing; 0 unless given. */
  readonly margin?: number
}

/**
 * 1 - cosine where the target is 1, max(0, cosine - margin) where it is -1: a and b f32 [N, D] with targets [N], or [D] with a scalar
 * target; the mean unless `reduction` says otherwise.
 */
export function cosineEmbeddingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  { reduction = 'mean', margin = 0 }: CosineEmbeddingOptions = {},
): Tensor {
  const cosine = cosineSimilarity(a, b, { axis: -1 })
  if (!sameShape(cosine.shape, target.shape)) {
    const shown = `a is ${formatShape(a.shape)} and target is ${formatShape(target.shape)}`
    fail('cosineEmbeddingLoss', shown, `target must be ${formatShape(cosine.shape)}`)
  }
  const losses = where(greater(target, 0), sub(1, cosine), relu(sub(cosine, margin)))
  return reduced('cosineEmbeddingLoss', losses, reduction)
}
