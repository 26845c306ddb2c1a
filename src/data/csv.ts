import { dsvFormat } from 'd3-dsv'
import { WgradError } from '../errors.ts'
import type { Field } from './dataset.ts'

/** How a column's text becomes numbers: decimals, or the place in a list of classes (0 for the first). */
export type CsvColumnKind = 'number' | readonly string[]

/** How CSV is read. */
export interface CsvOptions<K extends string> {
  /** Which columns to read: names of decimal columns, or names with their kinds. All, as decimals, unless told. */
  columns?: readonly K[] | Readonly<Record<K, CsvColumnKind>>
  /** Names of the file's columns, where its first row does not give them. */
  header?: readonly string[]
  /** Texts that stand for a missing value. '', 'NA', 'N/A', 'NaN', 'nan', 'null' and '?' unless told. */
  missing?: readonly string[]
  /** What separates fields. A comma unless told. */
  delimiter?: ',' | ';' | '\t' | '|'
}

/** One column: as many elements as the file has rows. */
export interface CsvColumn {
  /** The numbers, rounded to f32; NaN where the value is missing. */
  values: Float32Array<ArrayBuffer>
  /** 1 where the file has a value and 0 where it is missing. */
  present: Uint8Array<ArrayBuffer>
}

/** What a CSV file holds. */
export interface CsvTable<K extends string = string> {
  /** Rows, without the header and without blank lines. */
  length: number
  columns: Record<K, CsvColumn>
}

const usualMissing = ['', 'NA', 'N/A', 'NaN', 'nan', 'null', '?']

/**
 * Reads columns of numbers and classes from CSV (RFC 4180; any line ends, blank lines skipped, spaces around values
 * ignored).
 *
 * @param input Text, or bytes in UTF-8.
 * @example const { columns } = readCsv(text, { columns: { width: 'number', species: ['setosa', 'virginica'] } })
 *
 * @throws WgradError naming row and column for a value that is no number or no class, for a row of another length,
 * for quotes that are not in pairs, and for column names that are missing or there twice.
 */
export function readCsv<K extends string = string>(
  input: string | Uint8Array,
  options: CsvOptions<K> = {},
): CsvTable<K> {
  const { delimiter = ',', header, missing = usualMissing } = options
  const text = textOf(input)
  checkQuotes(text, delimiter)
  const isMissing = new Set(missing)
  let names = header
  let readers = header && readersFor(header, options.columns, isMissing)
  let length = 0
  dsvFormat(delimiter).parseRows(text, (row, i) => {
    if (row.length === 1 && row[0] === '') return null
    if (names === undefined || readers === undefined) {
      names = row.map((name) => name.trim())
      readers = readersFor(names, options.columns, isMissing)
      return null
    }
    if (row.length !== names.length) {
      throw new WgradError(
        `readCsv: row ${i + 1} has ${row.length} fields and there are ${names.length} columns; every row needs one field for each`,
      )
    }
    for (const reader of readers) reader.add(row[reader.at] as string, length, i + 1)
    length++
    return null
  })
  if (readers === undefined) throw new WgradError('readCsv: the text is empty; its first row must name the columns')
  const columns = readers.map(({ name, finish }) => [name, finish(length)])
  return { length, columns: Object.fromEntries(columns) }
}

/** What {@link inspectCsv} finds in a column. */
export interface CsvColumnInfo {
  readonly name: string
  /**
   * 'number' where nine of ten values are decimals, the others being faults that {@link readCsv} names; 'class' where they are texts of
   * which there are at most 32, 'text' otherwise.
   */
  readonly kind: 'number' | 'class' | 'text'
  /** The texts of a class, sorted. */
  readonly classes: readonly string[]
  /** Rows that have no value. */
  readonly missing: number
}

/** From this share of decimals on a column is of numbers. */
const mostlyNumbers = 0.9

/** More different texts than this are no class. */
const mostClasses = 32

/**
 * What the columns of a CSV with a header hold; a column without any value is of numbers. See {@link readCsv} for what is missing.
 *
 * @throws WgradError where the text is empty, and for quotes that are not in pairs.
 */
export function inspectCsv(
  input: string | Uint8Array,
  { delimiter = ',', missing = usualMissing }: Pick<CsvOptions<string>, 'delimiter' | 'missing'> = {},
): CsvColumnInfo[] {
  const text = textOf(input)
  checkQuotes(text, delimiter)
  const isMissing = new Set(missing)
  const [head, ...rows] = dsvFormat(delimiter).parseRows(text, (row) =>
    row.length === 1 && row[0] === '' ? null : row,
  )
  if (head === undefined) throw new WgradError('inspectCsv: the text is empty; its first row must name the columns')
  return head.map((name, at) => {
    const classes = new Set<string>()
    let decimals = 0
    let absent = 0
    for (const row of rows) {
      const value = row[at]?.trim() ?? ''
      if (isMissing.has(value)) absent++
      else {
        if (Number.isFinite(decimal(value))) decimals++
        if (classes.size <= mostClasses) classes.add(value)
      }
    }
    const isNumber = decimals >= mostlyNumbers * (rows.length - absent)
    const kind = isNumber ? 'number' : classes.size <= mostClasses ? 'class' : 'text'
    return { name: name.trim(), kind, classes: kind === 'class' ? [...classes].sort() : [], missing: absent }
  })
}

/**
 * Columns side by side, as a field of a dataset.
 *
 * @returns The values [rows, names.length]; NaN where one is missing, see {@link fitNormalizer}.
 */
export function stackColumns<K extends string>(table: CsvTable<K>, names: readonly K[]): Field {
  const data = new Float32Array(table.length * names.length)
  for (const [at, name] of names.entries()) {
    const column = Object.hasOwn(table.columns, name) ? table.columns[name] : undefined
    if (column === undefined) {
      throw new WgradError(
        `stackColumns: there is no column '${name}'; the table has ${Object.keys(table.columns).join(', ')}`,
      )
    }
    for (let row = 0; row < table.length; row++) data[row * names.length + at] = column.values[row] as number
  }
  return { data, shape: [table.length, names.length] }
}

interface ColumnReader {
  name: string
  /** Place of the column in a row. */
  at: number
  add(text: string, index: number, row: number): void
  finish(length: number): CsvColumn
}

function readersFor<K extends string>(
  names: readonly string[],
  columns: CsvOptions<K>['columns'] = names as readonly K[],
  isMissing: ReadonlySet<string>,
): ColumnReader[] {
  const places = new Map<string, number>()
  for (const [at, name] of names.entries()) {
    if (places.has(name)) {
      throw new WgradError(
        `readCsv: columns ${places.get(name)} and ${at} are both named '${show(name)}'; names are unique`,
      )
    }
    places.set(name, at)
  }
  const wanted: (readonly [string, CsvColumnKind])[] = isList(columns)
    ? columns.map((name) => [name, 'number'] as const)
    : Object.entries<CsvColumnKind>(columns)
  return wanted.map(([name, kind]) => {
    const at = places.get(name)
    if (at === undefined) {
      throw new WgradError(`readCsv: there is no column '${name}'; the file has ${show(names.join(', '))}`)
    }
    return columnReader(name, at, kind, isMissing)
  })
}

function isList<K extends string>(columns: NonNullable<CsvOptions<K>['columns']>): columns is readonly K[] {
  return Array.isArray(columns)
}

function columnReader(name: string, at: number, kind: CsvColumnKind, isMissing: ReadonlySet<string>): ColumnReader {
  const classes = kind === 'number' ? null : new Map(kind.map((text, i) => [text, i]))
  let values = new Float32Array(64)
  let present = new Uint8Array(64)
  return {
    name,
    at,
    add(field, index, row) {
      if (index === values.length) {
        values = grown(new Float32Array(index * 2), values)
        present = grown(new Uint8Array(index * 2), present)
      }
      const text = field.trim()
      // A class may be named as a missing value usually is.
      const found = classes?.get(text) ?? (isMissing.has(text) ? Number.NaN : decimal(text))
      const isThere = !isMissing.has(text) || classes?.has(text) === true
      if (isThere && classes?.has(text) === false) {
        const known = show([...classes.keys()].join(', '))
        throw new WgradError(`readCsv: row ${row}, column '${name}' is '${show(text)}'; its classes are ${known}`)
      }
      if (isThere && !Number.isFinite(Math.fround(found))) {
        throw new WgradError(
          `readCsv: row ${row}, column '${name}' is '${show(text)}'; it must be a decimal number within f32, or one of the texts for missing values`,
        )
      }
      values[index] = found
      present[index] = isThere ? 1 : 0
    },
    finish: (length) => ({ values: values.slice(0, length), present: present.slice(0, length) }),
  }
}

/** The number a text stands for, NaN when it is no decimal: `Number` alone would take '', '0x10' and 'Infinity'. */
function decimal(text: string): number {
  return /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN
}

function grown<T extends Float32Array | Uint8Array>(larger: T, array: T): T {
  larger.set(array)
  return larger
}

/** Refuses quotes that are not what RFC 4180 allows: around a whole field, and doubled inside. */
function checkQuotes(text: string, delimiter: string): void {
  let quote = text.indexOf('"')
  while (quote >= 0) {
    if (quote > 0 && !isEdge(text[quote - 1], delimiter)) {
      throw new WgradError(
        `readCsv: a quote at character ${quote} is inside a field that does not start with one; quote the field and double the quote`,
      )
    }
    let end = text.indexOf('"', quote + 1)
    while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2)
    if (end < 0) throw new WgradError(`readCsv: the quote at character ${quote} is never closed; quotes come in pairs`)
    if (end + 1 < text.length && !isEdge(text[end + 1], delimiter)) {
      throw new WgradError(
        `readCsv: the quoted field at character ${quote} goes on behind its closing quote at ${end}; double a quote that is part of the field`,
      )
    }
    quote = text.indexOf('"', end + 1)
  }
}

function isEdge(c: string | undefined, delimiter: string): boolean {
  return c === delimiter || c === '\n' || c === '\r'
}

function textOf(input: string | Uint8Array): string {
  return typeof input === 'string' ? input.replace(/^\ufeff/, '') : decodeText(input)
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new WgradError(
      `readCsv: the ${bytes.length} bytes are no UTF-8; decode them with TextDecoder and pass the text`,
    )
  }
}

/** At most 40 characters of a text, for messages. */
function show(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text
}
