import { isFloat } from '../dtype.ts'
import { fail } from '../errors.ts'
import type { KernelOp, MapOp } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { formatShape, normalizeAxis, numel } from '../shape.ts'
import { add, mul } from './arithmetic.ts'
import { cast } from './elementwise.ts'
import { gather } from './gather.ts'
import { arange, pad } from './movement.ts'
import { reshape } from './reshape.ts'
import { longestLine, orderVariants } from './sort-kernels.ts'

/** The order of longer lines is counted, in time that grows with the square. */
const longestCounted = 16384

/** Unsigned keys in the order of the values: NaN above all, -0 equal to 0. */
export const sortKeyOp: MapOp<'x', { readonly isDescending: boolean }> = {
  kind: 'map',
  name: 'sortKey',
  inputs: ['x'],
  infer: ([x]) => [{ shape: (x as Spec).shape, dtype: 'u32' }],
  emit: (w, i, { inputs, attrs }) => {
    const { dtype } = inputs[0] as Spec
    const x = w.load(0, i)
    if (isFloat(dtype)) {
      w.helper(
        'wgrad_sort_key',
        `fn wgrad_sort_key(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  if ((bits & 0x7fffffffu) == 0u) { return 0x80000000u; }
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}`,
      )
    }
    const key = isFloat(dtype) ? `wgrad_sort_key(${x})` : dtype === 'i32' ? `(bitcast<u32>(${x}) ^ 0x80000000u)` : x
    return attrs.isDescending ? `~${key}` : key
  },
  flops: () => 4,
  aligned: () => true,
  backward: () => ({ x: null }),
  saves: [],
}

type Ordered = { readonly axis: number; readonly count: number }

/** Positions of the `count` smallest keys along an axis, in order; equal keys by position. */
export const orderOp: KernelOp<'keys', Ordered> = {
  kind: 'kernel',
  name: 'order',
  inputs: ['keys'],
  virtual: ['keys'],
  epilogue: true,
  infer: ([keys], { axis, count }) => [{ shape: (keys as Spec).shape.with(axis, count), dtype: 'i32' }],
  variants: ({ inputs, attrs: { axis, count }, device }) => {
    const { shape } = inputs[0] as Spec
    const size = shape[axis] as number
    const lines = size === 0 ? 0 : numel(shape) / size
    return orderVariants({ lines, size, count, inner: numel(shape.slice(axis + 1)) }, device)
  },
  cost: ([keys], [y]) => {
    const [n, m] = [numel((keys as Spec).shape), numel((y as Spec).shape)]
    return { flops: n * Math.ceil(Math.log2(Math.max(2, n))), bytes: 4 * (n + m) }
  },
  backward: () => ({ keys: null }),
  saves: [],
}

/** 0, 1, … along one axis of `rank`. */
function along(length: number, axis: number, rank: number): Tensor {
  return reshape(
    arange(length),
    Array.from({ length: rank }, (_, d) => (d === axis ? length : 1)),
  )
}

/** Positions of the `count` smallest keys: those of pieces first, then the best of these. */
function piecedOrder(keys: Tensor, axis: number, count: number): Tensor {
  const size = keys.shape[axis] as number
  const pieces = Math.ceil(size / longestLine)
  const missing = pieces * longestLine - size
  // Keys that are added at the end are the largest, and equal ones go by position, so they are never chosen.
  const even =
    missing === 0
      ? keys
      : pad(
          keys,
          keys.shape.map((_, d) => [0, d === axis ? missing : 0] as const),
          0xffffffff,
        )
  const cut = reshape(even, [...keys.shape.slice(0, axis), pieces, longestLine, ...keys.shape.slice(axis + 1)])
  const local = call1(orderOp, [cut], { axis: axis + 1, count })
  const flat = keys.shape.with(axis, pieces * count)
  const starts = mul(along(pieces, axis, local.shape.length), longestLine)
  const positions = reshape(add(local, starts), flat)
  return gather(positions, axis, order(reshape(gather(cut, axis + 1, local), flat), axis, count))
}

function order(keys: Tensor, axis: number, count: number): Tensor {
  const isLong = (keys.shape[axis] as number) > longestLine
  return isLong && count <= longestLine / 2 ? piecedOrder(keys, axis, count) : call1(orderOp, [keys], { axis, count })
}

function ordered(op: string, x: Tensor, axis: number, count: number, isDescending: boolean): Tensor {
  const size = x.shape[axis] as number
  if (size > longestCounted && count > longestLine / 2) {
    fail(
      op,
      `axis ${axis} of ${formatShape(x.shape)} has ${size} elements`,
      `at most ${longestCounted} can be sorted; topk finds up to ${longestLine / 2} of any number`,
    )
  }
  return order(call1(sortKeyOp, [x.dtype === 'bool' ? cast(x, 'i32') : x], { isDescending }), axis, count)
}

/** Values in order, and where along the axis each of them was, as i32. */
export interface Sorted {
  readonly values: Tensor
  readonly indices: Tensor
}

/**
 * Positions along an axis (the last unless given) in the order of the elements, as i32; equal ones stay in order, NaN
 * counts as largest.
 */
export function argsort(x: Tensor, axis = -1, descending = false): Tensor {
  const a = normalizeAxis('argsort', axis, x.shape.length)
  return ordered('argsort', x, a, x.shape[a] as number, descending)
}

/**
 * x sorted along an axis (the last unless given), smallest first unless `descending`. Equal elements stay in order, NaN counts as
 * largest. Throws for an axis of more than 16,384.
 */
export function sort(x: Tensor, axis = -1, descending = false): Sorted {
  const a = normalizeAxis('sort', axis, x.shape.length)
  const indices = ordered('sort', x, a, x.shape[a] as number, descending)
  return { values: indices.size === 0 ? x : gather(x, a, indices), indices }
}

/**
 * The k largest elements along an axis (the last unless given), largest first; the smallest first where `largest` is
 * false. Of equals the first.
 */
export function topk(x: Tensor, k: number, axis = -1, largest = true): Sorted {
  const a = normalizeAxis('topk', axis, x.shape.length)
  const size = x.shape[a] as number
  if (!Number.isInteger(k) || k < 1 || k > size)
    fail('topk', `k is ${k} for axis ${a} of ${formatShape(x.shape)}`, `it must be a whole number from 1 to ${size}`)
  const indices = ordered('topk', x, a, k, largest)
  return { values: gather(x, a, indices), indices }
}
