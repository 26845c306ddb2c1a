import { fail } from '../errors.ts'
import { type MapOp, needDtype } from '../graph/op.ts'
import { call1, detach, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { formatShape, numel, sameShape } from '../shape.ts'
import { add, mul, sub } from './arithmetic.ts'
import { broadcastIndex } from './indexing.ts'
import { mean, sum } from './reduce.ts'
import { reshape } from './reshape.ts'
import { rsqrt } from './unary.ts'

type Axes = { readonly axes: readonly number[] }

/**
 * (x - mean) * rstd, where mean and rstd are those of x over `axes`. The rule of x holds all of the gradient, also what flows through mean
 * and rstd; a gradient of that rule finds its way through the rstd it was given.
 */
export const standardizeOp: MapOp<'x' | 'mean' | 'rstd', Axes> = {
  kind: 'map',
  name: 'standardize',
  inputs: ['x', 'mean', 'rstd'],
  infer: ([x]) => [x as Spec],
  emit: (w, i, { inputs, output }) => {
    const [x, m, r] = inputs.map((s, k) => w.load(k, broadcastIndex(w, i, output.shape, s.shape)))
    return `(${x} - ${m}) * ${r}`
  },
  flops: () => 2,
  aligned: (input, inputs, output) => numel((inputs[input] as Spec).shape) === numel(output.shape),
  backward: ({ in: { x, rstd }, out, grad, attrs: { axes } }) => ({
    x: () => {
      const scale = 1 / numel(axes.map((a) => x.shape[a] as number))
      const along = mul(sum(grad, axes, true), scale)
      const across = mul(sum(mul(grad, out), axes, true), scale)
      return mul(rstd, sub(sub(grad, along), mul(out, across)))
    },
    mean: null,
    rstd: null,
  }),
  saves: ['x', 'rstd', 'out'],
}

interface Moments {
  readonly mean: Tensor
  /** Over n, not n - 1. */
  readonly variance: Tensor
}

/** Mean first, then the mean of the squared distance from it: E[x^2] - E[x]^2 would cancel. */
function momentsOf(x: Tensor, axes: readonly number[]): Moments {
  const average = mean(x, axes, true)
  // The sum of the distances is 0, so the variance does not change with the mean.
  const distance = sub(x, detach(average))
  return { mean: average, variance: mean(mul(distance, distance), axes, true) }
}

function affine(y: Tensor, weight: Tensor | null | undefined, bias: Tensor | null | undefined): Tensor {
  const scaled = weight ? mul(y, weight) : y
  return bias ? add(scaled, bias) : scaled
}

function checkEps(op: string, eps: number): void {
  if (!(eps > 0 && Number.isFinite(eps))) fail(op, `eps is ${eps}`, 'it must be a small positive number')
}

function checkAffine(op: string, shape: readonly number[], weight?: Tensor | null, bias?: Tensor | null): void {
  for (const [name, t] of [
    ['weight', weight],
    ['bias', bias],
  ] as const) {
    if (t && !sameShape(t.shape, shape))
      fail(op, `${name} is ${formatShape(t.shape)}`, `it must be ${formatShape(shape)}`)
  }
}

/** Options of {@link layerNorm}. */
export interface LayerNormOptions {
  /** Multiplied after normalizing; of the normalized shape. */
  readonly weight?: Tensor | null
  /** Added last; of the normalized shape. */
  readonly bias?: Tensor | null
  /** Added to the variance; 1e-5 unless given. */
  readonly eps?: number
}

/**
 * Normalizes the last axes to mean 0 and variance 1: x [..., *normalizedShape], f32 -> the same shape. Throws when x does not end
 * in `normalizedShape` (a number: one axis of that size).
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  { weight, bias, eps = 1e-5 }: LayerNormOptions = {},
): Tensor {
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
  needDtype('layerNorm', 'x', x, 'f32')
  const lead = x.shape.length - shape.length
  if (shape.length === 0 || lead < 0 || !sameShape(x.shape.slice(lead), shape) || numel(shape) === 0) {
    fail(
      'layerNorm',
      `x is ${formatShape(x.shape)}`,
      `its last axes must be ${formatShape(shape)}, with at least one element`,
    )
  }
  checkAffine('layerNorm', shape, weight, bias)
  checkEps('layerNorm', eps)
  const axes = shape.map((_, d) => lead + d)
  const { mean: average, variance } = momentsOf(x, axes)
  return affine(call1(standardizeOp, [x, average, rsqrt(add(variance, eps))], { axes }), weight, bias)
}

/** Options of {@link batchNorm}. */
export interface BatchNormOptions {
  /** Multiplied after normalizing, [C]. */
  readonly weight?: Tensor | null
  /** Added last, [C]. */
  readonly bias?: Tensor | null
  /** Statistics to use in place of the batch's, [C] each; needed unless `training`. */
  readonly runningMean?: Tensor | null
  readonly runningVar?: Tensor | null
  /** Normalize with the statistics of x itself; false unless given. */
  readonly training?: boolean
  /** Added to the variance; 1e-5 unless given. */
  readonly eps?: number
}

/** What {@link batchNorm} gives: y, and the statistics it used, [C] each; the variance is over n, not n - 1. */
export interface BatchNormResult {
  readonly y: Tensor
  readonly mean: Tensor
  readonly variance: Tensor
}

/**
 * Normalizes each channel, the last axis, over all other axes: x [..., C], f32 -> y of the same shape. In training with the mean and
 * variance of x, otherwise with the running ones.
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): BatchNormResult {
  const { weight, bias, runningMean, runningVar, training = false, eps = 1e-5 } = options
  needDtype('batchNorm', 'x', x, 'f32')
  const channels = x.shape[x.shape.length - 1]
  if (x.shape.length < 2 || channels === undefined) {
    return fail('batchNorm', `x is ${formatShape(x.shape)}`, 'it must have at least two axes, the last being channels')
  }
  checkAffine('batchNorm', [channels], weight, bias)
  checkEps('batchNorm', eps)
  if (!training) {
    if (!runningMean || !runningVar) {
      return fail(
        'batchNorm',
        'no running statistics in evaluation',
        'give runningMean and runningVar, or training: true',
      )
    }
    for (const [name, t] of [
      ['runningMean', runningMean],
      ['runningVar', runningVar],
    ] as const) {
      if (!sameShape(t.shape, [channels]))
        fail('batchNorm', `${name} is ${formatShape(t.shape)}`, `it must be [${channels}]`)
    }
    const y = mul(sub(x, runningMean), rsqrt(add(runningVar, eps)))
    return { y: affine(y, weight, bias), mean: runningMean, variance: runningVar }
  }
  if (x.size === channels || x.size === 0) {
    const count = channels === 0 ? 0 : x.size / channels
    fail('batchNorm', `x is ${formatShape(x.shape)}, ${count} values per channel`, 'training needs at least two')
  }
  const axes = x.shape.slice(0, -1).map((_, d) => d)
  const moments = momentsOf(x, axes)
  const y = call1(standardizeOp, [x, moments.mean, rsqrt(add(moments.variance, eps))], { axes })
  return {
    y: affine(y, weight, bias),
    mean: reshape(moments.mean, [channels]),
    variance: reshape(moments.variance, [channels]),
  }
}
