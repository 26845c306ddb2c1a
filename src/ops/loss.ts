import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { formatShape, sameShape } from '../shape.ts'
import { add, div, maximum, mul, notEqual, sub, where } from './arithmetic.ts'
import { cast } from './elementwise.ts'
import { pick } from './pick.ts'
import { logSumExp, mean, sum } from './reduce.ts'
import { abs, softplus } from './unary.ts'

/** How the losses of single elements become one: their mean, their sum, or not at all. */
export type Reduction = 'mean' | 'sum' | 'none'

/** Options of losses. */
export interface LossOptions {
  /** 'mean' unless given. */
  readonly reduction?: Reduction
}

/** Losses as `reduction` wants them. */
export function reduced(op: string, losses: Tensor, reduction: Reduction): Tensor {
  if (reduction === 'none') return losses
  if (reduction === 'sum') return sum(losses)
  if (reduction === 'mean') return mean(losses)
  return fail(op, `reduction is '${String(reduction)}'`, "it must be 'mean', 'sum' or 'none'")
}

/** Throws unless both have one shape. */
export function checkPair(op: string, name: string, x: Tensor, target: Tensor): void {
  if (!sameShape(x.shape, target.shape)) {
    fail(
      op,
      `${name} is ${formatShape(x.shape)} and target is ${formatShape(target.shape)}`,
      'both must have one shape',
    )
  }
}

/** Options of {@link nllLoss}. */
export interface NllOptions extends LossOptions {
  /** Rows with this target count neither in the loss nor in the mean. */
  readonly ignoreIndex?: number
}

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions extends NllOptions {
  /** The share of the target that is spread evenly over all classes, from 0 to 1; 0 unless given. */
  readonly labelSmoothing?: number
}

/** Throws unless target names a class for each row. */
export function checkClasses(op: string, name: string, x: Tensor, target: Tensor): void {
  const rows = x.shape.slice(0, -1)
  if (x.shape.length === 0 || !sameShape(rows, target.shape)) {
    const shown = `${name} are ${formatShape(x.shape)} and target is ${formatShape(target.shape)}`
    fail(op, shown, `target must have the ${name}' shape without the last axis, ${formatShape(rows)}`)
  }
  if (target.dtype !== 'i32' && target.dtype !== 'u32') {
    fail(op, `target is ${target.dtype}`, 'it must be i32 or u32, the number of the class')
  }
}

/** As {@link reduced}, without the rows to be ignored. */
export function reducedRows(
  op: string,
  losses: Tensor,
  target: Tensor,
  { reduction = 'mean', ignoreIndex }: NllOptions,
): Tensor {
  if (ignoreIndex === undefined) return reduced(op, losses, reduction)
  const counted = notEqual(target, ignoreIndex)
  const kept = where(counted, losses, 0)
  if (reduction !== 'mean') return reduced(op, kept, reduction)
  return div(sum(kept), maximum(sum(cast(counted, 'f32')), 1))
}

/**
 * Minus the logarithm of softmax(logits) at each row's target: logits [..., C], target i32 or u32 [...] with classes from 0 to
 * C - 1 -> scalar, or [...] with reduction 'none'. A target out of range counts as the nearest class.
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { labelSmoothing: smooth = 0 } = options
  checkClasses('crossEntropy', 'logits', logits, target)
  if (!(smooth >= 0 && smooth <= 1)) fail('crossEntropy', `labelSmoothing is ${smooth}`, 'it must be from 0 to 1')
  const picked = pick(logits, target)
  const expected = smooth === 0 ? picked : add(mul(picked, 1 - smooth), mul(mean(logits, -1), smooth))
  return reducedRows('crossEntropy', sub(logSumExp(logits, -1), expected), target, options)
}

/** (x - target) ** 2, its mean unless `reduction` says otherwise. Both f32 of one shape. */
export function mseLoss(x: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  checkPair('mseLoss', 'x', x, target)
  const difference = sub(x, target)
  return reduced('mseLoss', mul(difference, difference), reduction)
}

/** |x - target|, its mean unless `reduction` says otherwise. Both f32 of one shape. */
export function l1Loss(x: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  checkPair('l1Loss', 'x', x, target)
  return reduced('l1Loss', abs(sub(x, target)), reduction)
}

/**
 * Cross entropy of sigmoid(logits) with targets from 0 to 1, without overflow; its mean unless `reduction` says otherwise. Both
 * f32 of one shape.
 */
export function bceWithLogits(logits: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  checkPair('bceWithLogits', 'logits', logits, target)
  return reduced('bceWithLogits', sub(softplus(logits), mul(logits, target)), reduction)
}
