import { fail } from '../errors.ts'
import { type CsvColumnKind, inspectCsv, readCsv } from './csv.ts'
import type { Field } from './dataset.ts'

/** Values that were measured together, at evenly spaced times: a field [steps, names.length], NaN where a value is missing. */
export interface Series extends Field {
  readonly data: Float32Array<ArrayBuffer>
  readonly names: readonly string[]
}

/** Options of {@link readSeries}. */
export interface ReadSeriesOptions {
  /** Which columns to read, in this order; all columns of numbers unless given. */
  readonly columns?: readonly string[]
  /** Columns of numbers that go round, with the length of a round, such as `{ hour: 24 }`: each becomes a sine and a cosine. */
  readonly cycles?: Readonly<Record<string, number>>
  /** What separates fields. A comma unless told. */
  readonly delimiter?: ',' | ';' | '\t' | '|'
}

/**
 * Reads a series from CSV with a header, a row for each time. A column of texts, of which there are at most 32, becomes a column of 0 and 1
 * for each: `wind` that is N or S becomes `wind=N` and `wind=S`.
 *
 * @throws WgradError for columns that are not there, have no value at all, or hold texts that are no classes.
 */
export function readSeries(csv: string | Uint8Array, options: ReadSeriesOptions = {}): Series {
  const { cycles = {}, delimiter = ',' } = options
  const infos = inspectCsv(csv, { delimiter })
  const numbers = infos.filter(({ kind }) => kind === 'number').map(({ name }) => name)
  const plain = options.columns ?? numbers.filter((name) => !Object.hasOwn(cycles, name))
  const wanted = [...new Set([...plain, ...Object.keys(cycles)])]
  const found = wanted.map(
    (name) =>
      infos.find((info) => info.name === name) ??
      fail('readSeries', `there is no column '${name}'`, `the file has ${infos.map((info) => info.name).join(', ')}`),
  )
  if (found.length === 0) fail('readSeries', 'no column holds numbers', 'name columns of numbers or of a few classes')
  const kinds = found.map(({ name, kind, classes }): [string, CsvColumnKind] => {
    if (kind === 'text')
      fail('readSeries', `the column '${name}' holds texts`, 'name columns of numbers, or of at most 32 texts')
    if (kind === 'class' && Object.hasOwn(cycles, name))
      fail('readSeries', `the column '${name}' of a cycle holds texts`, 'a cycle needs numbers')
    return [name, kind === 'number' ? 'number' : classes]
  })
  const table = readCsv(csv, { columns: Object.fromEntries(kinds), delimiter })
  const columns = kinds.flatMap(([name, kind]) => {
    const { values, present } = table.columns[name] as (typeof table.columns)[string]
    if (!present.includes(1))
      fail('readSeries', `the column '${name}' has no value in its ${table.length} rows`, 'leave it out')
    return spread(name, kind, values, Object.hasOwn(cycles, name) ? (cycles[name] as number) : null)
  })
  return seriesOf(columns)
}

/** Columns of equal length, side by side. */
function seriesOf(columns: readonly Column[]): Series {
  const length = columns[0]?.values.length ?? 0
  const data = new Float32Array(length * columns.length)
  for (const [at, { values }] of columns.entries())
    for (let row = 0; row < length; row++) data[row * columns.length + at] = values[row] as number
  return { data, shape: [length, columns.length], names: columns.map(({ name }) => name) }
}

interface Column {
  readonly name: string
  readonly values: Float32Array
}

/** What becomes of a column of the file. */
function spread(name: string, kind: CsvColumnKind, values: Float32Array, round: number | null): Column[] {
  if (round !== null) {
    const turned = (wave: (angle: number) => number): Float32Array => values.map((x) => wave((2 * Math.PI * x) / round))
    return [
      { name: `${name} sin`, values: turned(Math.sin) },
      { name: `${name} cos`, values: turned(Math.cos) },
    ]
  }
  if (kind === 'number') return [{ name, values }]
  return kind.map((text, place) => ({ name: `${name}=${text}`, values: values.map((x) => (x === place ? 1 : 0)) }))
}

/**
 * A series where each missing value has the last one before it that is known. Those before the first known value stay NaN, which a
 * {@link Normalizer} turns into the mean: taking a later value would tell the past of the future.
 *
 * @param field Values [steps, features].
 */
export function forwardFill(field: Field): { data: Float32Array<ArrayBuffer>; shape: readonly number[] } {
  const width = widthOf('forwardFill', field)
  const data = Float32Array.from(field.data)
  for (let at = width; at < data.length; at++) if (Number.isNaN(data[at])) data[at] = data[at - width] as number
  return { data, shape: field.shape }
}

/** @internal The features of a field [steps, features]. */
export function widthOf(op: string, { data, shape }: Field): number {
  const [steps = 0, width = 0] = shape
  if (shape.length !== 2 || steps * width !== data.length)
    fail(op, `${data.length} values and the shape [${shape.join(', ')}]`, 'it must be [steps, features]')
  return width
}
