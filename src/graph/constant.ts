import { type DType, storageType } from '../dtype.ts'
import { fail } from '../errors.ts'
import type { MapOp } from './op.ts'
import type { Spec, Value } from './value.ts'

/** A tensor that holds one number everywhere; it takes no memory until something needs a buffer. */
export const constantOp: MapOp<
  never,
  { readonly shape: readonly number[]; readonly dtype: DType; readonly value: number }
> = {
  kind: 'map',
  name: 'constant',
  inputs: [],
  infer: (_, { shape, dtype, value }) => {
    if ((dtype === 'i32' || dtype === 'u32') && wrapped(value, dtype) !== value) {
      fail('full', `the value ${value} for ${dtype}`, 'give a whole number in range, or another dtype')
    }
    if (!Number.isFinite(Math.fround(value)) && dtype !== 'i32' && dtype !== 'u32') {
      fail(
        'full',
        `the value ${value} for ${dtype}`,
        'shaders have no infinities or NaN; use a large finite number such as -3e38',
      )
    }
    return [{ shape, dtype }]
  },
  emit: (_, __, { attrs }) => literal(attrs.value, attrs.dtype),
  flops: () => 0,
  aligned: () => true,
  backward: () => ({}) as Record<never, null>,
  saves: [],
}

/** The largest f32. */
const largest = (2 - 2 ** -23) * 2 ** 127

/** The number that a value is everywhere, or null. */
export function constantOf(value: Value): number | null {
  return value.node.op.name === constantOp.name ? (value.node.attrs as { readonly value: number }).value : null
}

/** A whole number as 32-bit arithmetic leaves it. */
export function wrapped(value: number, dtype: 'i32' | 'u32'): number {
  return dtype === 'i32' ? value | 0 : value >>> 0
}

/** A WGSL literal in the compute type of `dtype`. */
export function literal(value: number, dtype: DType): string {
  if (dtype === 'bool') return value === 0 ? 'false' : 'true'
  if (dtype === 'u32') return `${value}u`
  if (dtype === 'i32')
    return value < 0 ? (value === -2147483648 ? 'i32(-2147483647 - 1)' : `i32(${value})`) : `${value}i`
  // WGSL takes no decimal above the largest f32, not even one that would round to it.
  const text = String(Math.abs(value) > largest ? Math.fround(value) : value)
  return `f32(${/[.e]/.test(text) ? text : `${text}.0`})`
}

/** Copies its input: what writes a value to a place that another dispatch could not write to. */
export const copyOp: MapOp<'x'> = {
  kind: 'map',
  name: 'copy',
  inputs: ['x'],
  infer: ([x]) => [x as Spec],
  emit: (w, i) => w.load(0, i),
  flops: () => 0,
  aligned: () => true,
  backward: ({ grad }) => ({ x: () => grad }),
  saves: [],
}

/** How an element in compute type is stored. */
export function storedAs(expression: string, dtype: DType): string {
  if (dtype === 'bool') return `select(0u, 1u, ${expression})`
  if (dtype === 'f16') return `f16(${expression})`
  return expression
}

/** How a stored element is brought to compute type. */
export function loadedAs(expression: string, dtype: DType): string {
  if (dtype === 'bool') return `(${expression} != 0u)`
  if (dtype === 'f16') return `f32(${expression})`
  return expression
}

/** `array<f32>` */
export function arrayType(dtype: DType): string {
  return `array<${storageType(dtype)}>`
}
