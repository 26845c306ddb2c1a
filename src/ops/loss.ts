import { fail } from '../errors.ts'
import { call1, isRecording, type Tensor } from '../graph/tensor.ts'
import { broadcast, formatShape, sameShape } from '../shape.ts'
import { add, div, equal, mul, neg, notEqual, sub, where } from './arithmetic.ts'
import { softmaxCrossEntropy } from './cross-entropy.ts'
import { full } from './elementwise.ts'
import { clampIdOp, pick } from './pick.ts'
import { expand, logSumExp, mean, sum } from './reduce.ts'
import { reshape } from './reshape.ts'
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
  /** How much the rows of each class count, f32 [C]; the mean is then that of the weights. All alike unless given. */
  readonly weight?: Tensor | null
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

/** The weight of each row's target; null where all rows count alike. */
export function rowWeights(op: string, x: Tensor, target: Tensor, weight: Tensor | null | undefined): Tensor | null {
  if (!weight) return null
  const classes = x.shape[x.shape.length - 1] as number
  if (!sameShape(weight.shape, [classes]) || weight.dtype !== 'f32')
    fail(
      op,
      `weight is ${weight.dtype} ${formatShape(weight.shape)}`,
      `it must be f32 [${classes}], one for each class`,
    )
  return pick(expand(weight, x.shape), target)
}

/**
 * As {@link reduced}, without the rows to be ignored. `losses` are weighted already; `weights` are those of the rows, and the mean is
 * over their sum. Where no row counts it is 0.
 */
export function reducedRows(
  op: string,
  losses: Tensor,
  target: Tensor,
  { reduction = 'mean', ignoreIndex }: NllOptions,
  weights: Tensor | null,
): Tensor {
  if (ignoreIndex === undefined && !weights) return reduced(op, losses, reduction)
  const counted = ignoreIndex === undefined ? null : notEqual(target, ignoreIndex)
  const kept = counted ? where(counted, losses, 0) : losses
  if (reduction !== 'mean') return reduced(op, kept, reduction)
  const each = weights ?? full(target.shape, 1, 'f32', losses.device)
  const total = sum(counted ? where(counted, each, 0) : each)
  return div(sum(kept), where(equal(total, 0), 1, total))
}

/**
 * Minus the logarithm of softmax(logits) at each row's target: logits [..., C], target i32 or u32 [...] with classes from 0 to
 * C - 1 -> scalar, or [...] with reduction 'none'. A target out of range counts as the nearest class. With `labelSmoothing`
 * (Szegedy et al. 2016) each class has a share of every target, times the weight of that class.
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { labelSmoothing: smooth = 0, weight } = options
  checkClasses('crossEntropy', 'logits', logits, target)
  if (!(smooth >= 0 && smooth <= 1)) fail('crossEntropy', `labelSmoothing is ${smooth}`, 'it must be from 0 to 1')
  const weights = rowWeights('crossEntropy', logits, target, weight)
  const isFused = isRecording() && logits.requiresGrad && logits.dtype === 'f32' && logits.size > 0
  if (isFused && !weight?.requiresGrad && !(weight && smooth > 0))
    return fusedCrossEntropy(logits, target, options, weights)
  const picked = pick(logits, target)
  const total = logSumExp(logits, -1)
  if (!weight || !weights) {
    const expected = smooth === 0 ? picked : add(mul(picked, 1 - smooth), mul(mean(logits, -1), smooth))
    return reducedRows('crossEntropy', sub(total, expected), target, options, null)
  }
  const sharp = mul(sub(total, picked), weights)
  const losses = smooth === 0 ? sharp : add(mul(sharp, 1 - smooth), mul(spread(logits, weight), smooth))
  return reducedRows('crossEntropy', losses, target, options, weights)
}

/** The losses with their slopes in one kernel, which has the share of each row in the result. */
function fusedCrossEntropy(
  logits: Tensor,
  target: Tensor,
  { reduction = 'mean', ignoreIndex, labelSmoothing: smooth = 0 }: CrossEntropyOptions,
  weights: Tensor | null,
): Tensor {
  const classes = logits.shape[logits.shape.length - 1] as number
  const counted = ignoreIndex === undefined ? null : notEqual(target, ignoreIndex)
  const each = weights ?? full(target.shape, 1, 'f32', logits.device)
  const kept = counted ? where(counted, each, 0) : each
  const isPlain = counted === null && weights === null
  const total = reduction !== 'mean' || isPlain ? null : sum(kept)
  const share = reduction === 'mean' && isPlain ? 1 / target.size : 1
  const scale = total ? div(kept, where(equal(total, 0), 1, total)) : mul(kept, share)
  const ids = call1(clampIdOp, [reshape(target, [target.size])], { last: classes - 1 })
  const rows = reshape(logits, [target.size, classes])
  const losses = reshape(softmaxCrossEntropy(rows, ids, reshape(scale, [target.size]), smooth), target.shape)
  return reduced('crossEntropy', losses, reduction === 'mean' ? 'sum' : reduction)
}

/** The mean over classes of minus the weighted logarithm of softmax(logits). */
function spread(logits: Tensor, weight: Tensor): Tensor {
  return mean(mul(sub(logSumExp(logits, -1, true), logits), weight), -1)
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

/** Options of {@link bceLoss}. */
export interface BceOptions extends LossOptions {
  /** What each element's loss is multiplied by, f32, broadcast to the targets; the mean still divides by their number. */
  readonly weight?: Tensor | null
}

/** Options of {@link bceWithLogits}. */
export interface BceWithLogitsOptions extends BceOptions {
  /** How much a target of 1 counts against one of 0, f32, broadcast to the targets: [C] gives one number to each of C labels. */
  readonly posWeight?: Tensor | null
}

/** The losses times their weights, if there are any, which must broadcast to the losses. */
export function weighted(op: string, losses: Tensor, weight: Tensor | null | undefined): Tensor {
  return weight ? mul(losses, fitting(op, 'weight', weight, losses)) : losses
}

function fitting(op: string, name: string, weight: Tensor, target: Tensor): Tensor {
  const shape = broadcast(weight.shape, target.shape)
  if (weight.dtype !== 'f32' || !shape || !sameShape(shape, target.shape))
    fail(
      op,
      `${name} is ${weight.dtype} ${formatShape(weight.shape)}`,
      `it must be f32 and broadcast to ${formatShape(target.shape)}`,
    )
  return weight
}

/**
 * Cross entropy of sigmoid(logits) with targets from 0 to 1, without overflow; its mean unless `reduction` says otherwise. Both
 * f32 of one shape.
 */
export function bceWithLogits(
  logits: Tensor,
  target: Tensor,
  { reduction = 'mean', weight, posWeight }: BceWithLogitsOptions = {},
): Tensor {
  checkPair('bceWithLogits', 'logits', logits, target)
  const losses = posWeight
    ? add(
        mul(sub(1, target), logits),
        mul(
          add(mul(sub(fitting('bceWithLogits', 'posWeight', posWeight, target), 1), target), 1),
          softplus(neg(logits)),
        ),
      )
    : sub(softplus(logits), mul(logits, target))
  return reduced('bceWithLogits', weighted('bceWithLogits', losses, weight), reduction)
}
