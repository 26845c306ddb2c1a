import { fail } from '../errors.ts'
import { literal } from '../graph/constant.ts'
import type { MapOp } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { checkShape, contiguousStrides, formatShape, normalizeAxis, numel, sameShape } from '../shape.ts'
import { full } from './elementwise.ts'
import { stridedIndex } from './indexing.ts'
import { reshape } from './reshape.ts'

export const permuteOp: MapOp<'x', { readonly axes: readonly number[] }> = {
  kind: 'map',
  name: 'permute',
  inputs: ['x'],
  infer: ([x], { axes }) => [{ shape: axes.map((a) => (x as Spec).shape[a] as number), dtype: (x as Spec).dtype }],
  emit: (w, i, { inputs, output, attrs }) => {
    const strides = contiguousStrides((inputs[0] as Spec).shape)
    return w.load(
      0,
      stridedIndex(
        w,
        i,
        output.shape,
        attrs.axes.map((a) => strides[a] as number),
      ),
    )
  },
  flops: () => 0,
  aligned: () => false,
  moves: true,
  backward: ({ grad, attrs }) => ({
    x: () =>
      permute(
        grad,
        attrs.axes.map((_, i) => attrs.axes.indexOf(i)),
      ),
  }),
  saves: [],
}

/** The axes in another order: axis i of the result is axis `axes[i]` of x. */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  const list = axes.map((a) => normalizeAxis('permute', a, x.shape.length))
  if (list.length !== x.shape.length || new Set(list).size !== list.length) {
    fail('permute', `axes ${formatShape(axes)} for a tensor of rank ${x.shape.length}`, 'each axis must appear once')
  }
  if (list.every((a, i) => a === i)) return x
  const moved = list.filter((a) => x.shape[a] !== 1)
  if (moved.every((a, i) => i === 0 || a > (moved[i - 1] as number)))
    return reshape(
      x,
      list.map((a) => x.shape[a] as number),
    )
  return call1(permuteOp, [x], { axes: list })
}

/** x with two axes exchanged; the last two unless given. */
export function transpose(x: Tensor, a = -2, b = -1): Tensor {
  const rank = x.shape.length
  const [i, j] = [normalizeAxis('transpose', a, rank), normalizeAxis('transpose', b, rank)]
  return permute(
    x,
    Array.from({ length: rank }, (_, k) => (k === i ? j : k === j ? i : k)),
  )
}

type Sliced = { readonly start: readonly number[]; readonly step: readonly number[]; readonly shape: readonly number[] }

export const sliceOp: MapOp<'x', Sliced> = {
  kind: 'map',
  name: 'slice',
  inputs: ['x'],
  infer: ([x], { shape }) => [{ shape, dtype: (x as Spec).dtype }],
  emit: (w, i, { inputs, output, attrs }) => {
    const strides = contiguousStrides((inputs[0] as Spec).shape)
    const offset = attrs.start.reduce((sum, s, d) => sum + s * (strides[d] as number), 0)
    return w.load(
      0,
      stridedIndex(
        w,
        i,
        output.shape,
        attrs.step.map((s, d) => s * (strides[d] as number)),
        offset,
      ),
    )
  },
  flops: () => 0,
  aligned: () => false,
  moves: true,
  backward: ({ in: { x }, grad, attrs }) => ({
    x: () => call1(unsliceOp, [grad], { ...attrs, shape: x.shape, value: 0 }),
  }),
  saves: ['x'],
}

type Placed = Sliced & { readonly value: number }

/** The transpose of slice: its input where the slice took it from, `value` elsewhere. */
export const unsliceOp: MapOp<'x', Placed> = {
  kind: 'map',
  name: 'unslice',
  inputs: ['x'],
  infer: ([x], { shape }) => [{ shape, dtype: (x as Spec).dtype }],
  emit: (w, i, { inputs, output, attrs }) => {
    const source = (inputs[0] as Spec).shape
    const inner = contiguousStrides(source)
    const outer = contiguousStrides(output.shape)
    const tests: string[] = []
    const terms: string[] = []
    output.shape.forEach((size, d) => {
      const [start, step, count] = [attrs.start[d] as number, attrs.step[d] as number, source[d] as number]
      if (start === 0 && step === 1 && count === size) {
        const at = d === 0 ? w.let(`${i} / ${outer[d]}u`) : w.let(`(${i} / ${outer[d]}u) % ${size}u`)
        terms.push(`${at} * ${inner[d]}u`)
        return
      }
      const at = w.let(`i32((${i} / ${outer[d]}u) % ${size}u) - ${start}`)
      const k = w.let(`${at} / ${step}`)
      tests.push(`${k} * ${step} == ${at}`, `${k} >= 0`, `${k} < ${count}`)
      terms.push(`u32(clamp(${k}, 0, ${Math.max(0, count - 1)})) * ${inner[d]}u`)
    })
    const inside = tests.length > 0 ? w.let(tests.map((t) => `(${t})`).join(' && ')) : 'true'

    return `select(${literal(attrs.value, output.dtype)}, ${w.load(0, w.let(terms.length > 0 ? terms.join(' + ') : '0u'))}, ${inside})`
  },
  flops: () => 1,
  aligned: () => false,
  backward: ({ in: { x }, grad, attrs }) => ({
    x: () => call1(sliceOp, [grad], { start: attrs.start, step: attrs.step, shape: x.shape }),
  }),
  saves: ['x'],
}

/** One axis of a slice: all (null), or start, end (exclusive) and step; negative positions count from the end. */
export type SliceRange = null | readonly [start: number, end?: number | null, step?: number]

/** A part of x: one range per axis, the rest whole. A negative step goes backwards. */
export function slice(x: Tensor, ranges: readonly SliceRange[]): Tensor {
  if (ranges.length > x.shape.length)
    fail('slice', `${ranges.length} ranges for ${formatShape(x.shape)}`, 'give at most one range per axis')
  const start: number[] = []
  const step: number[] = []
  const shape: number[] = []
  x.shape.forEach((size, d) => {
    const range = ranges[d] ?? null
    const by = range?.[2] ?? 1
    if (!Number.isInteger(by) || by === 0)
      fail('slice', `step ${by} on axis ${d}`, 'a step is a whole number other than 0')
    const wrap = (v: number): number => (v < 0 ? v + size : v)
    const limit = (v: number): number => (by > 0 ? Math.min(Math.max(v, 0), size) : Math.min(Math.max(v, -1), size - 1))
    const from = limit(wrap(range?.[0] ?? 0))
    const end = range?.[1]
    const to = end === undefined || end === null ? (by > 0 ? size : -1) : limit(wrap(end))
    start.push(from)
    step.push(by)
    shape.push(Math.max(0, Math.ceil((to - from) / by)))
  })
  if (sameShape(shape, x.shape) && step.every((s) => s === 1)) return x
  return call1(sliceOp, [x], { start, step, shape })
}

/** x with zeros (or `value`) around it: `[before, after]` for each axis. */
export function pad(x: Tensor, widths: readonly (readonly [number, number])[], value = 0): Tensor {
  if (widths.length !== x.shape.length || widths.flat().some((v) => !Number.isInteger(v) || v < 0)) {
    fail(
      'pad',
      `widths ${JSON.stringify(widths)} for ${formatShape(x.shape)}`,
      'give [before, after] of at least 0 for every axis',
    )
  }
  const shape = x.shape.map((s, d) => s + (widths[d]?.[0] ?? 0) + (widths[d]?.[1] ?? 0))
  return call1(unsliceOp, [x], { start: widths.map(([before]) => before), step: shape.map(() => 1), shape, value })
}

export const concatOp: MapOp<'x', { readonly axis: number }> = {
  kind: 'map',
  name: 'concat',
  inputs: ['x'],
  variadic: true,
  infer: (specs, { axis }) => {
    const first = specs[0] as Spec
    for (const s of specs) {
      const fits = s.shape.length === first.shape.length && s.shape.every((v, d) => d === axis || v === first.shape[d])
      if (!fits || s.dtype !== first.dtype) {
        const list = specs.map((v) => `${v.dtype} ${formatShape(v.shape)}`).join(' and ')
        fail('concat', list, `all must have one dtype and agree in every axis but ${axis}`)
      }
    }
    const total = specs.reduce((sum, s) => sum + (s.shape[axis] as number), 0)
    return [{ shape: first.shape.map((v, d) => (d === axis ? total : v)), dtype: first.dtype }]
  },
  emit: (w, i, { inputs, output, attrs }) => {
    const inner = numel(output.shape.slice(attrs.axis + 1))
    const total = output.shape[attrs.axis] as number
    const at = w.let(`(${i} / ${inner}u) % ${total}u`)
    const outer = w.let(`${i} / ${inner * total}u`)
    const rest = w.let(`${i} % ${inner}u`)
    let end = total
    let result = ''
    for (let k = inputs.length - 1; k >= 0; k--) {
      const size = (inputs[k] as Spec).shape[attrs.axis] as number
      const start = end - size
      end = start
      if (size === 0) continue
      const own = w.let(`min(max(${at}, ${start}u) - ${start}u, ${size - 1}u)`)
      const value = w.load(k, w.let(`(${outer} * ${size}u + ${own}) * ${inner}u + ${rest}`))
      result = result === '' ? value : w.let(`select(${result}, ${value}, ${at} < ${start + size}u)`)
    }
    return result
  },
  flops: () => 1,
  aligned: () => false,
  backward: ({ all, grad, attrs: { axis } }) => {
    let start = 0
    return all.map((x) => {
      const from = start
      start += x.shape[axis] as number
      const to = start
      return () =>
        slice(
          grad,
          x.shape.map((_, d) => (d === axis ? ([from, to] as const) : null)),
        )
    })
  },
  saves: ['x'],
}

/** Tensors behind each other along an axis. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  const [first] = tensors
  if (!first) return fail('concat', 'no tensors', 'give at least one')
  const a = normalizeAxis('concat', axis, first.shape.length)
  if (tensors.length === 1) return first
  // A shader binds a limited number of buffers, so long lists are joined in parts.
  const most = 6
  if (tensors.length > most) {
    const parts: Tensor[] = []
    for (let k = 0; k < tensors.length; k += most) parts.push(concat(tensors.slice(k, k + most), a))
    return concat(parts, a)
  }
  return call1(concatOp, tensors, { axis: a })
}

/** Tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  return concat(
    tensors.map((t) => unsqueeze(t, axis)),
    axis,
  )
}

/** x with an axis of size 1 inserted before `axis`. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const a = normalizeAxis('unsqueeze', axis, x.shape.length + 1)
  return reshape(x, [...x.shape.slice(0, a), 1, ...x.shape.slice(a)])
}

/** x without an axis of size 1. */
export function squeeze(x: Tensor, axis: number): Tensor {
  const a = normalizeAxis('squeeze', axis, x.shape.length)
  if (x.shape[a] !== 1) fail('squeeze', `axis ${axis} of ${formatShape(x.shape)}`, 'the axis must have size 1')
  return reshape(
    x,
    x.shape.filter((_, d) => d !== a),
  )
}

/** x with axes from `start` to `end` made one. */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  if (x.shape.length === 0) return reshape(x, [1])
  const [a, b] = [normalizeAxis('flatten', start, x.shape.length), normalizeAxis('flatten', end, x.shape.length)]
  return reshape(x, [...x.shape.slice(0, a), numel(x.shape.slice(a, b + 1)), ...x.shape.slice(b + 1)])
}

export const iotaOp: MapOp<never, { readonly length: number }> = {
  kind: 'map',
  name: 'iota',
  inputs: [],
  infer: (_, { length }) => [{ shape: [length], dtype: 'i32' }],
  emit: (_, i) => `i32(${i})`,
  flops: () => 0,
  aligned: () => true,
  backward: () => ({}),
  saves: [],
}

/** 0, 1, … length - 1 as i32. */
export function arange(length: number): Tensor {
  checkShape('arange', [length])
  return call1(iotaOp, [], { length })
}

/** Zeros of a shape. */
export function zeros(shape: readonly number[]): Tensor {
  return full(shape, 0)
}

/** Ones of a shape. */
export function ones(shape: readonly number[]): Tensor {
  return full(shape, 1)
}
