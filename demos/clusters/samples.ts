import { ArrayDataset, fitNormalizer, inspectCsv, readCsv, stackColumns } from 'wgrad/data'
import { type FindOptions, findDigits } from '../common/find-digits.ts'
import type { SamplesSource, Shown } from './protocol.ts'

/** Samples to cluster, and how the page shows them. */
export interface Samples {
  /** What they are: drawn digits also where MNIST could not be fetched. */
  readonly of: SamplesSource
  readonly data: ArrayDataset<'x'>
  /** Elements of a sample. */
  readonly features: number
  /** The class of each where it is known, which only the score sees. */
  readonly classes: Int32Array | null
  /** Every so-manieth is shown, the first of all first. */
  readonly every: number
  readonly shown: Shown
  /** Where they come from, for people. */
  readonly source: string
}

/** Rows of a table that are shown at most: more are one spot, and drawing them would stop the page. */
const mostShown = 5000

/** Digits of all that were found, `most` at most. */
export async function digitSamples(source: 'mnist' | 'drawn', most: number, options: FindOptions): Promise<Samples> {
  const { train, of, source: told } = await findDigits(source, options)
  const some = train.slice(0, Math.min(most, train.length))
  const images = Uint8Array.from(some.fields.x.data)
  return {
    of: of === 'drawn' ? 'drawn' : 'mnist',
    data: new ArrayDataset({ x: { data: images, shape: [some.length, 784], scale: 1 / 255 } }),
    features: 784,
    classes: Int32Array.from(some.fields.y.data),
    every: 1,
    shown: { kind: 'images', images },
    source: `${told}; ${some.length.toLocaleString('en')} are clustered`,
  }
}

/**
 * Rows of a CSV file by their columns of numbers, each brought to mean 0 and deviation 1; the last column of few texts is the class. Rows
 * that lack a value are refused.
 */
export function tableSamples(csv: Uint8Array): Samples {
  const bytes = withHeader(csv)
  const columns = inspectCsv(bytes)
  const numbers = columns.filter(({ kind, missing }) => kind === 'number' && missing === 0).map(({ name }) => name)
  if (numbers.length === 0)
    throw new Error(
      `the table has no column of numbers without gaps (it has ${columns.map(({ name, kind }) => `${name}: ${kind}`).join(', ')}); choose another, or fill the gaps`,
    )
  const named = columns.findLast(({ kind }) => kind === 'class')
  const wanted = {
    ...Object.fromEntries(numbers.map((name) => [name, 'number'] as const)),
    ...(named && { [named.name]: named.classes }),
  }
  const table = readCsv(bytes, { columns: wanted })
  const field = stackColumns(table, numbers)
  const data = fitNormalizer(field).apply(field.data)
  const classes = named ? Int32Array.from((table.columns[named.name] as { values: Float32Array }).values) : null
  const width = numbers.length
  const every = Math.ceil(table.length / mostShown)
  const texts = Array.from({ length: Math.ceil(table.length / every) }, (_, i) => {
    const row = i * every
    const values = Array.from(field.data.slice(row * width, (row + 1) * width), (value) =>
      String(Number(value.toPrecision(4))),
    )
    return [...values, ...(named ? [named.classes[classes?.[row] ?? 0] ?? ''] : [])].join('  ')
  })
  return {
    of: 'table',
    data: new ArrayDataset({ x: { data, shape: [table.length, width] } }),
    features: width,
    classes,
    every,
    shown: { kind: 'texts', texts },
    source: `A table of ${table.length.toLocaleString('en')} rows: ${numbers.join(', ')}${named ? `; ${named.name} only counts for the score` : ''}${every > 1 ? `; one of ${every} rows is shown` : ''}`,
  }
}

/** The file with names for its columns, where its first row holds values. */
function withHeader(csv: Uint8Array): Uint8Array {
  const first = new TextDecoder().decode(csv).split(/\r?\n/, 1)[0] ?? ''
  const cells = first.split(',')
  if (!cells.some((cell) => cell.trim() !== '' && Number.isFinite(Number(cell)))) return csv
  const names = `${cells.map((_, i) => `column ${i + 1}`).join(',')}\n`
  return new TextEncoder().encode(names + new TextDecoder().decode(csv))
}
