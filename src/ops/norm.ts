import { fail } from '../errors.ts'
import { type KernelOp, type MapOp, needDtype } from '../graph/op.ts'
import { call, call1, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { formatShape, numel, reducedShape, sameShape } from '../shape.ts'
import { add, mul, sub, zerosLike } from './arithmetic.ts'
import { broadcastIndex } from './indexing.ts'
import { momentsVariants, pairSumsVariants } from './norm-kernels.ts'
import { expand, mean } from './reduce.ts'
import { reshape } from './reshape.ts'
import { rsqrt } from './unary.ts'

type Axes = { readonly axes: readonly number[] }

/** Mean, 1 / sqrt(variance + eps) and variance (over n, not n - 1) over axes, which are kept with size 1. */
export const momentsOp: KernelOp<'x', Axes & { readonly eps: number }> = {
  kind: 'kernel',
  name: 'moments',
  inputs: ['x'],
  virtual: ['x'],
  infer: ([x], { axes }) => {
    const out: Spec = { shape: reducedShape((x as Spec).shape, axes, true), dtype: 'f32' }
    return [out, out, out]
  },
  variants: ({ inputs: [x], attrs: { axes, eps }, device }) => {
    const { shape } = x as Spec
    return momentsVariants(shape, axes, countOf(shape, axes), eps, device)
  },
  cost: ([x], [mean]) => ({
    flops: 5 * numel((x as Spec).shape),
    bytes: 4 * (numel((x as Spec).shape) + 3 * numel((mean as Spec).shape)),
  }),
  backward: ({ in: { x }, outs, grads, attrs: { axes } }) => ({
    x: () => {
      const [mean, rstd] = outs as [Tensor, Tensor]
      const [toMean, toRstd, toVariance] = grads as [Tensor | null, Tensor | null, Tensor | null]
      const scale = 1 / countOf(x.shape, axes)
      const cubed = mul(rstd, mul(rstd, rstd))
      const parts = [toRstd && mul(mul(toRstd, -0.5), cubed), toVariance].filter((g) => g !== null)
      const slope = parts.length === 0 ? null : parts.reduce((a, b) => add(a, b))
      const distance = slope && mul(mul(slope, 2 * scale), sub(x, mean))
      if (!toMean) return distance ?? zerosLike(x)
      const even = expand(mul(toMean, scale), x.shape)
      return distance ? add(distance, even) : even
    },
  }),
  saves: ['x', 'out'],
}

/** Sums of a, and of a * b, over axes, which are kept with size 1: the two that a gradient of normalizing needs, in one visit. */
export const pairSumsOp: KernelOp<'a' | 'b', Axes> = {
  kind: 'kernel',
  name: 'pairSums',
  inputs: ['a', 'b'],
  virtual: ['a', 'b'],
  infer: ([a], { axes }) => {
    const out: Spec = { shape: reducedShape((a as Spec).shape, axes, true), dtype: 'f32' }
    return [out, out]
  },
  variants: ({ inputs: [a], attrs: { axes }, device }) => pairSumsVariants((a as Spec).shape, axes, device),
  cost: ([a], [sum]) => ({
    flops: 3 * numel((a as Spec).shape),
    bytes: 8 * (numel((a as Spec).shape) + numel((sum as Spec).shape)),
  }),
  backward: ({ in: { a, b }, grads }) => {
    const [toSum, toProduct] = grads as [Tensor | null, Tensor | null]
    return {
      a: () => {
        const even = toSum && expand(toSum, a.shape)
        const own = toProduct && mul(toProduct, b)
        return even && own ? add(even, own) : (even ?? own ?? zerosLike(a))
      },
      b: () => (toProduct ? mul(toProduct, a) : zerosLike(b)),
    }
  },
  saves: ['a', 'b'],
}

function pairSums(a: Tensor, b: Tensor, axes: readonly number[]): [Tensor, Tensor] {
  return call(pairSumsOp, [a, b], { axes }) as [Tensor, Tensor]
}

function countOf(shape: readonly number[], axes: readonly number[]): number {
  return numel(axes.map((a) => shape[a] as number))
}

/** The gradient of x through (x - mean) * rstd, where mean and rstd are those of x; `out` is that product. */
function standardizeGrad(grad: Tensor, out: Tensor, rstd: Tensor, axes: readonly number[]): Tensor {
  const scale = 1 / countOf(out.shape, axes)
  const [along, across] = pairSums(grad, out, axes)
  return mul(rstd, sub(sub(grad, mul(along, scale)), mul(out, mul(across, scale))))
}

const isAligned: MapOp['aligned'] = (input, inputs, output) =>
  numel((inputs[input] as Spec).shape) === numel(output.shape)

/**
 * (x - mean) * rstd, where mean and rstd are those of x over `axes`. The rule of x holds all of the gradient, also what flows through
 * mean and rstd; a gradient of that rule finds its way through the rstd it was given.
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
  aligned: isAligned,
  backward: ({ in: { rstd }, out, grad, attrs: { axes } }) => ({
    x: () => standardizeGrad(grad, out, rstd, axes),
    mean: null,
    rstd: null,
  }),
  saves: ['rstd', 'out'],
}

/**
 * (x - mean) * rstd * weight + bias, mean and rstd as for standardize, weight and bias of x's last axes. Where these are not the axes of
 * the statistics, as in a batch, the sums for weight and bias are those that x needs.
 */
export const standardizeAffineOp: MapOp<'x' | 'mean' | 'rstd' | 'weight' | 'bias', Axes> = {
  kind: 'map',
  name: 'standardizeAffine',
  inputs: ['x', 'mean', 'rstd', 'weight', 'bias'],
  infer: ([x]) => [x as Spec],
  emit: (w, i, { inputs, output }) => {
    const [x, m, r, a, b] = inputs.map((s, k) => w.load(k, broadcastIndex(w, i, output.shape, s.shape)))
    return `(${x} - ${m}) * ${r} * ${a} + ${b}`
  },
  flops: () => 4,
  aligned: isAligned,
  backward: ({ in: { x, mean, rstd, weight, bias }, grad, attrs: { axes } }) => {
    const out = call1(standardizeOp, [x, mean, rstd], { axes })
    const lead = x.shape.slice(0, x.shape.length - weight.shape.length).map((_, d) => d)
    const sums = (): [Tensor, Tensor] => pairSums(grad, out, lead)
    const isShared = sameShape(lead, axes)
    return {
      x: () => {
        if (!isShared) return standardizeGrad(mul(grad, weight), out, rstd, axes)
        const scale = 1 / countOf(x.shape, axes)
        const [along, across] = sums()
        return mul(mul(rstd, weight), sub(sub(grad, mul(along, scale)), mul(out, mul(across, scale))))
      },
      mean: null,
      rstd: null,
      weight: () => reshape(sums()[1], weight.shape),
      bias: () => reshape(sums()[0], bias.shape),
    }
  },
  saves: ['x', 'mean', 'rstd', 'weight', 'bias'],
}

/** x normalized over axes, then times weight plus bias where given; with the statistics. */
export function normalize(
  x: Tensor,
  axes: readonly number[],
  eps: number,
  weight?: Tensor | null,
  bias?: Tensor | null,
): BatchNormResult {
  const [mean, rstd, variance] = call(momentsOp, [x], { axes, eps }) as [Tensor, Tensor, Tensor]
  const y =
    weight && bias
      ? call1(standardizeAffineOp, [x, mean, rstd, weight, bias], { axes })
      : affine(call1(standardizeOp, [x, mean, rstd], { axes }), weight, bias)
  return { y, mean, variance }
}

/** x / sqrt(mean(x ** 2) + eps) over axes. */
export function rootMeanSquare(x: Tensor, axes: readonly number[], eps: number): Tensor {
  return mul(x, rsqrt(add(mean(mul(x, x), axes, true), eps)))
}

function affine(y: Tensor, weight: Tensor | null | undefined, bias: Tensor | null | undefined): Tensor {
  const scaled = weight ? mul(y, weight) : y
  return bias ? add(scaled, bias) : scaled
}

/** Throws unless eps is a small positive number. */
export function checkEps(op: string, eps: number): void {
  if (!(eps > 0 && Number.isFinite(eps))) fail(op, `eps is ${eps}`, 'it must be a small positive number')
}

/** Throws unless weight and bias, where given, have the shape and are floats. */
export function checkAffine(op: string, shape: readonly number[], weight?: Tensor | null, bias?: Tensor | null): void {
  for (const [name, t] of [
    ['weight', weight],
    ['bias', bias],
  ] as const) {
    if (!t) continue
    if (!sameShape(t.shape, shape)) fail(op, `${name} is ${formatShape(t.shape)}`, `it must be ${formatShape(shape)}`)
    needDtype(op, name, t, 'f32', 'f16')
  }
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
    // One factor for each channel, so that what follows a convolution binds one buffer for it where buffers are few.
    const rstd = rsqrt(add(runningVar, eps))
    const y = mul(sub(x, runningMean), weight ? mul(rstd, weight) : rstd)
    return { y: bias ? add(y, bias) : y, mean: runningMean, variance: runningVar }
  }
  if (x.size === channels || x.size === 0) {
    const count = channels === 0 ? 0 : x.size / channels
    fail('batchNorm', `x is ${formatShape(x.shape)}, ${count} values per channel`, 'training needs at least two')
  }
  const axes = x.shape.slice(0, -1).map((_, d) => d)
  const { y, mean, variance } = normalize(x, axes, eps, weight, bias)
  return { y, mean: reshape(mean, [channels]), variance: reshape(variance, [channels]) }
}
