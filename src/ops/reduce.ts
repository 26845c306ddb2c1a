import { computeType, type DType, elementBytes, isFloat } from '../dtype.ts'
import { fail } from '../errors.ts'
import type { GradContext, GradRules, KernelOp, MapOp } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { broadcast, checkShape, formatShape, normalizeAxes, numel, reducedShape, sameShape } from '../shape.ts'
import { div, equal, mul, sub, where } from './arithmetic.ts'
import { cast } from './elementwise.ts'
import { broadcastIndex } from './indexing.ts'
import { type Accumulator, reduceVariants } from './reduce-kernels.ts'
import { reshape } from './reshape.ts'
import { exp } from './unary.ts'

type ReduceAttrs = { readonly axes: readonly number[]; readonly keepdim: boolean }

interface ReduceRule {
  readonly name: string
  readonly takes: readonly DType[]
  readonly gives?: DType
  /** The result of reducing nothing exists. */
  readonly empty: boolean
  readonly accumulator: (dtype: DType) => Accumulator
  readonly backward: (c: GradContext<'x', ReduceAttrs>) => GradRules<'x'>
  readonly saves: readonly ('x' | 'out')[]
}

/* @__NO_SIDE_EFFECTS__ */
function reduction(rule: ReduceRule): KernelOp<'x', ReduceAttrs> {
  return {
    kind: 'kernel',
    name: rule.name,
    inputs: ['x'],
    virtual: ['x'],
    epilogue: true,
    infer: ([spec], { axes, keepdim }) => {
      const x = spec as Spec
      if (!rule.takes.includes(x.dtype)) fail(rule.name, `x is ${x.dtype}`, `it must be ${rule.takes.join(' or ')}`)
      if (!rule.empty && numel(axes.map((a) => x.shape[a] as number)) === 0) {
        fail(
          rule.name,
          `axes ${formatShape(axes)} of ${formatShape(x.shape)} hold no elements`,
          'there must be at least one',
        )
      }
      return [{ shape: reducedShape(x.shape, axes, keepdim), dtype: rule.gives ?? x.dtype }]
    },
    variants: ({ inputs, attrs, device }) => {
      const x = inputs[0] as Spec
      return reduceVariants(x.shape, attrs.axes, rule.accumulator(x.dtype), device)
    },
    cost: ([x], [y]) => ({
      flops: numel((x as Spec).shape) * rule.accumulator((x as Spec).dtype).flops,
      bytes: numel((x as Spec).shape) * elementBytes((x as Spec).dtype) + numel((y as Spec).shape) * 4,
    }),
    backward: rule.backward,
    saves: rule.saves,
  }
}

function accumulator(
  type: string,
  identity: string,
  lift: string,
  combine: string,
  finish: string,
  result: string,
  flops: number,
  value = type,
): Accumulator {
  return {
    code: `alias Acc = ${type};
fn identity() -> Acc { return ${identity}; }
fn lift(v: ${value}, r: u32) -> Acc { return ${lift}; }
fn combine(a: Acc, b: Acc) -> Acc { ${combine} }
fn finish(a: Acc) -> ${result} { return ${finish}; }`,
    bytes: type.startsWith('vec2') ? 8 : 4,
    flops,
  }
}

const lowest: Record<string, string> = { f32: '-3.4028234e38', f16: '-65504.0', i32: 'i32(-2147483647 - 1)', u32: '0u' }

const highest: Record<string, string> = { f32: '3.4028234e38', f16: '65504.0', i32: '2147483647', u32: '4294967295u' }

/** The gradient of a reduction, spread back over the axes that were reduced. */
function spread(grad: Tensor, x: Tensor, attrs: ReduceAttrs): Tensor {
  return expand(reshape(grad, reducedShape(x.shape, attrs.axes, true)), x.shape)
}

export const sumOp = reduction({
  name: 'sum',
  takes: ['f32', 'f16', 'i32', 'u32'],
  empty: true,
  accumulator: (dtype) => {
    const t = computeType(dtype)
    return accumulator(t, `${t}(0)`, 'v', 'return a + b;', 'a', t, 1)
  },
  backward: ({ in: { x }, grad, attrs }) => ({ x: () => spread(grad, x, attrs) }),
  saves: ['x'],
})

/* @__NO_SIDE_EFFECTS__ */
function extremum(name: 'max' | 'min', start: Record<string, string>): KernelOp<'x', ReduceAttrs> {
  return reduction({
    name,
    takes: ['f32', 'f16', 'i32', 'u32'],
    empty: false,
    accumulator: (dtype) => {
      const t = computeType(dtype)
      return accumulator(t, `${t}(${start[dtype]})`, 'v', `return ${name}(a, b);`, 'a', t, 1)
    },
    // Ties share the gradient evenly, as torch.amax does.
    backward: ({ in: { x }, out, grad, attrs }) => ({
      x: () => {
        const hit = cast(equal(x, spread(out, x, attrs)), 'f32')
        const count = sum(hit, attrs.axes, true)
        return mul(hit, spread(div(reshape(grad, count.shape), count), x, attrs))
      },
    }),
    saves: ['x', 'out'],
  })
}

export const maxOp = extremum('max', lowest)
export const minOp = extremum('min', highest)

export const prodOp = reduction({
  name: 'prod',
  takes: ['f32', 'f16', 'i32', 'u32'],
  empty: true,
  accumulator: (dtype) => {
    const t = computeType(dtype)
    return accumulator(t, `${t}(1)`, 'v', 'return a * b;', 'a', t, 1)
  },
  // The product of the others, which is not out / x where there are zeros: one zero alone has a slope, two have none.
  backward: ({ in: { x }, grad, attrs }) => ({
    x: () => {
      const isZero = equal(x, 0)
      const zeros = sum(cast(isZero, 'f32'), attrs.axes, true)
      const others = call1(prodOp, [where(isZero, 1, x)], { axes: attrs.axes, keepdim: true })
      const atZero = where(equal(zeros, 1), others, 0)
      const elsewhere = div(where(equal(zeros, 0), others, 0), where(isZero, 1, x))
      return mul(where(isZero, atZero, elsewhere), spread(grad, x, attrs))
    },
  }),
  saves: ['x'],
})

export const argmaxOp = reduction({
  name: 'argmax',
  takes: ['f32', 'f16'],
  gives: 'i32',
  empty: false,
  accumulator: () =>
    accumulator(
      'vec2<f32>',
      'vec2<f32>(-3.4028234e38, bitcast<f32>(0x7f7fffffu))',
      'vec2<f32>(v, bitcast<f32>(r))',
      `let later = bitcast<u32>(b.y) > bitcast<u32>(a.y);
  return select(b, a, a.x > b.x || (a.x == b.x && later));`,
      'i32(bitcast<u32>(a.y))',
      'i32',
      2,
      'f32',
    ),
  backward: () => ({ x: null }),
  saves: [],
})

export const logSumExpOp = reduction({
  name: 'logSumExp',
  takes: ['f32', 'f16'],
  empty: false,
  accumulator: () =>
    accumulator(
      'vec2<f32>',
      'vec2<f32>(-3.0e38, 0.0)',
      'vec2<f32>(v, 1.0)',
      `let m = max(a.x, b.x);
  return vec2<f32>(m, a.y * exp(a.x - m) + b.y * exp(b.x - m));`,
      'a.x + log(a.y)',
      'f32',
      10,
      'f32',
    ),
  backward: ({ in: { x }, out, grad, attrs }) => ({
    x: () => mul(spread(grad, x, attrs), exp(sub(x, spread(out, x, attrs)))),
  }),
  saves: ['x', 'out'],
})

/** Axes to reduce over, negative ones counted from the last; all unless given. */
export type Axes = number | readonly number[] | undefined

function reduce(op: KernelOp<'x', ReduceAttrs>, x: Tensor, axes: Axes, keepdim: boolean): Tensor {
  const list = normalizeAxes(op.name, axes, x.shape.length)
  if (list.length === 0 && op !== argmaxOp && op !== logSumExpOp) return x
  return call1(op, [x], { axes: list, keepdim })
}

/** Sum over axes; all unless given. Counts true values of bool. */
export function sum(x: Tensor, axes?: Axes, keepdim = false): Tensor {
  return reduce(sumOp, x.dtype === 'bool' ? cast(x, 'i32') : x, axes, keepdim)
}

/** Mean over axes; all unless given. */
export function mean(x: Tensor, axes?: Axes, keepdim = false): Tensor {
  if (!isFloat(x.dtype)) fail('mean', `x is ${x.dtype}`, 'it must be f32 or f16: convert it with cast')
  const list = normalizeAxes('mean', axes, x.shape.length)
  const count = numel(list.map((a) => x.shape[a] as number))
  if (count === 0)
    fail('mean', `axes ${formatShape(list)} of ${formatShape(x.shape)} hold no elements`, 'there must be at least one')
  return mul(sum(x, list, keepdim), 1 / count)
}

/** Largest element over axes; all unless given. Ties share the gradient. */
export function max(x: Tensor, axes?: Axes, keepdim = false): Tensor {
  return reduce(maxOp, x, axes, keepdim)
}

/** Smallest element over axes; all unless given. Ties share the gradient. */
export function min(x: Tensor, axes?: Axes, keepdim = false): Tensor {
  return reduce(minOp, x, axes, keepdim)
}

/** Product over axes; all unless given. */
export function prod(x: Tensor, axes?: Axes, keepdim = false): Tensor {
  return reduce(prodOp, x, axes, keepdim)
}

/**
 * Position of the largest element along an axis, the first of equals, as i32; without an axis, in the flattened tensor.
 */
export function argmax(x: Tensor, axis?: number, keepdim = false): Tensor {
  return reduce(argmaxOp, axis === undefined ? reshape(x, [x.size]) : x, axis ?? 0, keepdim)
}

/** log(sum(exp(x))) over axes, without overflow. */
export function logSumExp(x: Tensor, axes?: Axes, keepdim = false): Tensor {
  return reduce(logSumExpOp, x, axes, keepdim)
}

export const expandOp: MapOp<'x', { readonly shape: readonly number[] }> = {
  kind: 'map',
  name: 'expand',
  inputs: ['x'],
  infer: ([x], { shape }) => [{ shape, dtype: (x as Spec).dtype }],
  emit: (w, i, { inputs, output }) => w.load(0, broadcastIndex(w, i, output.shape, (inputs[0] as Spec).shape)),
  flops: () => 0,
  aligned: (_, inputs, output) => numel((inputs[0] as Spec).shape) === numel(output.shape),
  moves: true,
  backward: ({ in: { x }, grad }) => ({ x: () => sumTo(grad, x.shape) }),
  saves: ['x'],
}

/** x broadcast to `shape`; nothing is copied. */
export function expand(x: Tensor, shape: readonly number[]): Tensor {
  checkShape('expand', shape)
  const both = broadcast(x.shape, shape)
  if (!both || !sameShape(both, shape)) {
    fail(
      'expand',
      `${formatShape(x.shape)} to ${formatShape(shape)}`,
      'sizes must be equal or 1, from the last axis backwards',
    )
  }
  return sameShape(x.shape, shape) ? x : call1(expandOp, [x], { shape })
}

/** Undoes broadcasting: sums a gradient over the axes along which its operand was repeated. */
export function sumTo(grad: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(grad.shape, shape)) return grad
  const lead = grad.shape.length - shape.length
  const axes = grad.shape.flatMap((s, d) => (d < lead || (shape[d - lead] === 1 && s !== 1) ? [d] : []))
  return reshape(sum(grad, axes, true), shape)
}
