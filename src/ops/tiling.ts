import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { formatShape, normalizeAxes, normalizeAxis } from '../shape.ts'
import { concat, type SliceRange, slice, unsqueeze } from './movement.ts'
import { expand } from './reduce.ts'
import { reshape } from './reshape.ts'

function part(x: Tensor, axis: number, range: SliceRange): Tensor {
  return slice(
    x,
    x.shape.map((_, d) => (d === axis ? range : null)),
  )
}

/**
 * Parts of x along an axis (0 unless given): of `sizes` elements each, the last of what remains, or of the listed sizes. Throws when
 * the list does not add up to the axis.
 */
export function split(x: Tensor, sizes: number | readonly number[], axis = 0): Tensor[] {
  const a = normalizeAxis('split', axis, x.shape.length)
  const length = x.shape[a] as number
  if (typeof sizes === 'number') {
    if (!Number.isInteger(sizes) || sizes < 1)
      fail('split', `size is ${sizes}`, 'it must be a whole number of at least 1')
    const count = Math.max(1, Math.ceil(length / sizes))
    return Array.from({ length: count }, (_, k) => part(x, a, [k * sizes, Math.min(length, (k + 1) * sizes)]))
  }
  if (sizes.some((s) => !Number.isInteger(s) || s < 0) || sizes.reduce((s, v) => s + v, 0) !== length) {
    fail(
      'split',
      `sizes ${formatShape(sizes)} for axis ${a} of ${formatShape(x.shape)}`,
      `they must add up to ${length}`,
    )
  }
  let start = 0
  return sizes.map((size) => {
    start += size
    return part(x, a, [start - size, start])
  })
}

/** x cut along an axis (0 unless given) into at most `count` parts of equal size, the last of what remains. */
export function chunk(x: Tensor, count: number, axis = 0): Tensor[] {
  const a = normalizeAxis('chunk', axis, x.shape.length)
  if (!Number.isInteger(count) || count < 1)
    fail('chunk', `count is ${count}`, 'it must be a whole number of at least 1')
  return split(x, Math.max(1, Math.ceil((x.shape[a] as number) / count)), a)
}

/** x backwards along axes; all unless given. */
export function flip(x: Tensor, axes?: number | readonly number[]): Tensor {
  const list = normalizeAxes('flip', axes, x.shape.length)
  return slice(
    x,
    x.shape.map((size, d) => (size > 1 && list.includes(d) ? ([-1, null, -1] as const) : null)),
  )
}

/** x moved by `shift` places along an axis; what leaves at the end comes in at the start. */
export function roll(x: Tensor, shift: number, axis: number): Tensor {
  const a = normalizeAxis('roll', axis, x.shape.length)
  if (!Number.isInteger(shift)) fail('roll', `shift is ${shift}`, 'it must be a whole number')
  const size = x.shape[a] as number
  const by = size === 0 ? 0 : ((shift % size) + size) % size
  return by === 0 ? x : concat([part(x, a, [size - by, size]), part(x, a, [0, size - by])], a)
}

function checkCounts(op: string, counts: readonly number[]): void {
  if (counts.some((c) => !Number.isInteger(c) || c < 0))
    fail(op, `counts ${formatShape(counts)}`, 'each must be a whole number of at least 0')
}

/** x side by side with itself, `counts[d]` times along axis d; the counts may have more axes than x, in front. */
export function tile(x: Tensor, counts: readonly number[]): Tensor {
  checkCounts('tile', counts)
  const rank = Math.max(counts.length, x.shape.length)
  const shape = [...new Array<number>(rank - x.shape.length).fill(1), ...x.shape]
  const times = [...new Array<number>(rank - counts.length).fill(1), ...counts]
  const apart = reshape(
    x,
    shape.flatMap((size) => [1, size]),
  )
  const copies = expand(
    apart,
    shape.flatMap((size, d) => [times[d] as number, size]),
  )
  return reshape(
    copies,
    shape.map((size, d) => size * (times[d] as number)),
  )
}

/** Each element of x `count` times in a row along an axis. */
export function repeatInterleave(x: Tensor, count: number, axis: number): Tensor {
  const a = normalizeAxis('repeatInterleave', axis, x.shape.length)
  checkCounts('repeatInterleave', [count])
  const behind = unsqueeze(x, a + 1)
  const copies = expand(
    behind,
    behind.shape.map((size, d) => (d === a + 1 ? count : size)),
  )
  return reshape(
    copies,
    x.shape.map((size, d) => (d === a ? size * count : size)),
  )
}
