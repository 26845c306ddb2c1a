import { fail } from './errors.ts'

/** Sizes of the axes, outermost first. */
export type Shape = readonly number[]

/** Number of elements; 1 for a scalar. */
export function numel(shape: Shape): number {
  let n = 1
  for (const s of shape) n *= s
  return n
}

/** `[2, 3]` */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`
}

/** True when both have the same axes of the same sizes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((s, i) => s === b[i])
}

/** Row-major strides in elements. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step
    step *= shape[i] as number
  }
  return strides
}

/** The shape that `shapes` broadcast to, by NumPy's rule; null where an axis disagrees. */
export function broadcast(...shapes: Shape[]): number[] | null {
  const rank = Math.max(0, ...shapes.map((s) => s.length))
  const out = new Array<number>(rank).fill(1)
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i
      const s = shape[i] as number
      if (s === out[at] || s === 1) continue
      if (out[at] !== 1) return null
      out[at] = s
    }
  }
  return out
}

/** As {@link broadcast}, but throws for `op`, naming the operands. */
export function broadcastFor(op: string, names: readonly string[], shapes: readonly Shape[]): number[] {
  const out = broadcast(...shapes)
  if (out) return out
  const list = shapes.map((s, i) => `${names[i] ?? `operand ${i}`} is ${formatShape(s)}`).join(' and ')
  return fail(op, list, 'shapes must be equal, or 1, from the last axis backwards')
}

/** A negative axis counted from the end; throws when it is out of range. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || a < 0 || a >= rank) {
    fail(
      op,
      `axis ${axis} of a tensor of rank ${rank}`,
      rank === 0 ? 'a scalar has no axes' : `axes run from ${-rank} to ${rank - 1}`,
    )
  }
  return a
}

/** Sorted, distinct, non-negative axes; all of them when `axes` is undefined. */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i)
  const list = (typeof axes === 'number' ? [axes] : [...axes]).map((a) => normalizeAxis(op, a, rank))
  const sorted = [...new Set(list)].sort((a, b) => a - b)
  if (sorted.length !== list.length)
    fail(op, `axes ${formatShape(list)} name one axis twice`, 'each axis may appear once')
  return sorted
}

/** Checks that every size is a whole number of at least 0. */
export function checkShape(op: string, shape: Shape): void {
  for (const s of shape) {
    if (!Number.isInteger(s) || s < 0)
      fail(op, `shape ${formatShape(shape)} has the size ${s}`, 'sizes are whole numbers of at least 0')
  }
}

/** The shape with `axes` reduced: kept as 1 or dropped. */
export function reducedShape(shape: Shape, axes: readonly number[], keepdim: boolean): number[] {
  return keepdim ? shape.map((s, i) => (axes.includes(i) ? 1 : s)) : shape.filter((_, i) => !axes.includes(i))
}

/** Splits `total` workgroups over x and y so that neither passes the limit of 65,535. */
export function gridOf(total: number): [number, number, number] {
  const limit = 65535
  if (total <= limit) return [total, 1, 1]
  const y = Math.ceil(total / limit)
  return [Math.ceil(total / y), y, 1]
}
