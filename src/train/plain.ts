import { fail } from '../errors.ts'
import type { Json } from './json.ts'

/** Stands for a number that JSON has no word for: NaN, the infinities and -0. */
const tag = '$number'

const odd: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity, '-Infinity': -Infinity, '-0': -0 }

/**
 * A value as JSON text from which {@link fromText} makes the same value again, every bit of its numbers included.
 * Throws, naming the place, for what is no plain data: functions, arrays of bytes, objects with a class.
 */
export function toText(op: string, value: unknown, name: string): string {
  return JSON.stringify(plain(op, value, name))
}

/** The value that {@link toText} was given. */
export function fromText(text: string): Json {
  return JSON.parse(text, (_, value: unknown) =>
    isRecord(value) && Object.hasOwn(value, tag) ? odd[String(value[tag])] : value,
  ) as Json
}

/** What can be asked for its fields. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function plain(op: string, value: unknown, path: string): Json {
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0) ? value : { [tag]: Object.is(value, -0) ? '-0' : `${value}` }
  }
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (Array.isArray(value)) return value.map((each: unknown, i) => plain(op, each, `${path}[${i}]`))
  if (isRecord(value) && (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)) {
    if (Object.hasOwn(value, tag)) fail(op, `${path} has a field named ${tag}`, 'rename it; it is taken')
    // A field that is not there reads as undefined too.
    const fields = Object.entries(value).filter(([, each]) => each !== undefined)
    return Object.fromEntries(fields.map(([key, each]) => [key, plain(op, each, `${path}.${key}`)]))
  }
  const what = typeof value === 'object' ? (value.constructor?.name ?? 'an object') : typeof value
  return fail(
    op,
    `${path} is ${what}`,
    'give plain data: numbers, texts, truth values, null, arrays and objects of them',
  )
}
