import { fail } from '../errors.ts'
import { needDtype } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import { formatShape, normalizeAxis } from '../shape.ts'
import { add, equal, greaterEqual, where } from './arithmetic.ts'
import { gather, gatherGradOp } from './gather.ts'
import { arange, unsqueeze } from './movement.ts'
import { clampIdOp } from './pick.ts'
import { max } from './reduce.ts'
import { reshape } from './reshape.ts'

/** Throws unless index and source have one shape, which is x's but for the axis. */
function check(op: string, x: Tensor, axis: number, index: Tensor, source: Tensor): number {
  const a = normalizeAxis(op, axis, x.shape.length)
  needDtype(op, 'index', index.value, 'i32', 'u32')
  if (source.dtype !== x.dtype) fail(op, `x is ${x.dtype} and source is ${source.dtype}`, 'both must have one dtype')
  const fits = [index, source].every(
    ({ shape }) =>
      shape.length === x.shape.length && shape.every((s, d) => (d === a ? s === index.shape[a] : s === x.shape[d])),
  )
  if (!fits) {
    fail(
      op,
      `x is ${formatShape(x.shape)}, index is ${formatShape(index.shape)} and source is ${formatShape(source.shape)}`,
      `index and source must have one shape, which agrees with x in every axis but ${a}`,
    )
  }
  if (x.shape[a] === 0 && index.size > 0)
    fail(op, `axis ${a} of x ${formatShape(x.shape)} is empty`, 'there must be room for the source')
  return a
}

/**
 * x with elements of source added along an axis, by an index per element: `out[..., index[..., k, ...], ...] += source[..., k, ...]`.
 * Index (i32 or u32) and source have x's shape but for that axis; f32. Sums are taken in the order of k, so the bits are always the
 * same. An index out of range adds to the nearest element.
 */
export function scatterAdd(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  const a = check('scatterAdd', x, axis, index, source)
  needDtype('scatterAdd', 'x', x.value, 'f32')
  if (index.size === 0) return x
  return add(x, call1(gatherGradOp, [index, source], { axis: a, size: x.shape[a] as number }))
}

/**
 * x with elements of source put in along an axis, by an index per element: `out[..., index[..., k, ...], ...] = source[..., k, ...]`.
 * Index (i32 or u32) and source have x's shape but for that axis. Of several with one index the last stays. An index out of range
 * writes the nearest element.
 */
export function scatter(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  const a = check('scatter', x, axis, index, source)
  const [size, count] = [x.shape[a] as number, index.shape[a] as number]
  if (index.size === 0) return x
  const alone = (length: number, at: number): Tensor =>
    reshape(
      arange(length),
      Array.from({ length: x.shape.length + 1 }, (_, d) => (d === at ? length : 1)),
    )
  // For each place the last k that names it, or -1: a maximum over an axis of its own, of which nothing is stored.
  const ids = unsqueeze(call1(clampIdOp, [index], { last: size - 1 }), a)
  const last = max(where(equal(ids, alone(size, a)), alone(count, a + 1), -1), a + 1)
  return where(greaterEqual(last, 0), gather(source, a, last), x)
}
