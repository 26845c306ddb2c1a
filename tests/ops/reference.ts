import type { Ref } from './check.ts'

/** Number of elements. */
export function count(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1)
}

/** A reference of zeros. */
export function zeros(shape: readonly number[]): Ref {
  return { shape, data: new Float64Array(count(shape)) }
}

/** The coordinates of element `i`. */
export function coordinates(shape: readonly number[], i: number): number[] {
  const at = new Array<number>(shape.length)
  let rest = i
  for (let d = shape.length - 1; d >= 0; d--) {
    const size = shape[d] as number
    at[d] = rest % size
    rest = Math.floor(rest / size)
  }
  return at
}

/** The position of the element at the coordinates, those of missing or repeated axes ignored. */
export function position(shape: readonly number[], at: readonly number[]): number {
  const lead = at.length - shape.length
  return shape.reduce((i, size, d) => i * size + (size === 1 ? 0 : (at[lead + d] as number)), 0)
}

/** The shape that shapes broadcast to. */
export function broadcastShape(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length))
  return Array.from({ length: rank }, (_, d) => {
    const sizes = shapes.map((s) => s[d - rank + s.length] ?? 1)
    return sizes.find((s) => s !== 1) ?? 1
  })
}

/** A tensor whose elements are computed from their coordinates. */
export function build(shape: readonly number[], value: (at: number[], i: number) => number): Ref {
  const out = zeros(shape)
  for (let i = 0; i < out.data.length; i++) out.data[i] = value(coordinates(shape, i), i)
  return out
}

/** Applies `f` to the broadcast elements. */
export function elementwise(inputs: readonly Ref[], f: (values: number[]) => number): Ref {
  const shape = broadcastShape(inputs.map((r) => r.shape))
  if (inputs.every((r) => r.data.length === count(shape))) {
    const { data } = zeros(shape)
    for (let i = 0; i < data.length; i++) data[i] = f(inputs.map((r) => r.data[i] as number))
    return { shape, data }
  }
  return build(shape, (at) => f(inputs.map((r) => r.data[position(r.shape, at)] as number)))
}

/** Reduces axes: `f` gets all elements that end in one output, in row-major order. */
export function reduce(x: Ref, axes: readonly number[], keepdim: boolean, f: (values: number[]) => number): Ref {
  const kept = x.shape.map((s, d) => (axes.includes(d) ? 1 : s))
  const groups: number[][] = Array.from({ length: count(kept) }, () => [])
  x.data.forEach((v, i) => {
    groups[position(kept, coordinates(x.shape, i))]?.push(v)
  })
  const shape = keepdim ? kept : x.shape.filter((_, d) => !axes.includes(d))
  return { shape, data: Float64Array.from(groups, f) }
}
