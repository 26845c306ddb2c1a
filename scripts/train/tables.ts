import { type Field, fitNormalizer, readCsv, stackColumns } from '../../src/data/index.ts'
import { WgradError } from '../../src/errors.ts'

/** A table to tell classes from, and the network and training for it. */
export interface TableTask {
  readonly title: string
  /** Names of the file's columns, in order; the last is the class. */
  readonly columns: readonly string[]
  /** The texts that stand for the classes, from class 0 on. */
  readonly classes: readonly string[]
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[]
  readonly lr: number
  readonly batchSize: number
  readonly epochs: number
  /** The score that counts. */
  readonly score: ScoreName
  /** What PyTorch 1.13 reaches with the same network and training, in the mean of three seeds. */
  readonly pytorch: number
}

/** Scores of a model on unseen rows; the last two for two classes. */
export type ScoreName = 'accuracy' | 'averagePrecision' | 'rocAuc'

/** The public tables that there is a training for, by the names of the command line. */
export const tableTasks: Readonly<Record<string, TableTask>> = {
  'breast-cancer': {
    title: 'breast cancer in Wisconsin: benign or malignant, from nine features of cells',
    columns: [
      'clumpThickness',
      'cellSize',
      'cellShape',
      'adhesion',
      'epithelialSize',
      'bareNuclei',
      'chromatin',
      'nucleoli',
      'mitoses',
      'class',
    ],
    classes: ['2', '4'],
    hidden: [32, 16],
    ...{ lr: 1e-3, batchSize: 32, epochs: 50, score: 'accuracy', pytorch: 0.97 },
  },
  mammography: {
    title: 'mammography: microcalcifications, one case in 43, from six features of images',
    columns: ['area', 'grey', 'gradient', 'noise', 'contrast', 'moment', 'class'],
    classes: ["'-1'", "'1'"],
    hidden: [32, 16],
    ...{ lr: 1e-3, batchSize: 128, epochs: 40, score: 'averagePrecision', pytorch: 0.712 },
  },
  iris: {
    title: 'iris: three species, from four lengths',
    columns: ['sepalLength', 'sepalWidth', 'petalLength', 'petalWidth', 'class'],
    classes: ['Iris-setosa', 'Iris-versicolor', 'Iris-virginica'],
    hidden: [16],
    ...{ lr: 1e-2, batchSize: 16, epochs: 100, score: 'accuracy', pytorch: 0.951 },
  },
}

/** Rows of features, and the class of each. */
export interface Table {
  /** Features [rows, features]; NaN where one is missing. */
  readonly features: Field
  /** -1 where it is missing. */
  readonly labels: Int32Array
}

/** Reads the rows of a task from CSV without a header. */
export function readRows(csv: string | Uint8Array, task: TableTask): Table {
  const names = task.columns.slice(0, -1)
  const label = task.columns.at(-1) as string
  const columns = { ...Object.fromEntries(names.map((name) => [name, 'number'] as const)), [label]: task.classes }
  const table = readCsv(csv, { header: task.columns, columns })
  const { values, present } = table.columns[label] as (typeof table.columns)[string]
  const labels = Int32Array.from(values, (value, row) => (present[row] ? value : -1))
  return { features: stackColumns(table, names), labels }
}

/**
 * Reads the table of a task, all of whose rows have a class, for a system. Throws where one has none, and where fewer than two of the
 * classes are in the file.
 */
export function readTable(csv: string | Uint8Array, task: TableTask, system = 'tabular'): Table {
  const { features, labels } = readRows(csv, task)
  const unknown = labels.indexOf(-1)
  if (unknown >= 0) throw new WgradError(`${system}: row ${unknown + 1} has no class; every row needs one`)
  const found = [...new Set(labels)]
  if (found.length < 2)
    throw new WgradError(
      `${system}: all ${labels.length} rows are of class ${found.map((c) => task.classes[c]).join() || 'none'}; rows of at least two of ${task.classes.join(', ')} are needed`,
    )
  return { features, labels }
}

/**
 * Features on a common scale: what is missing gets the median of the rows to train on, then all get mean 0 and deviation 1 over these rows,
 * so that nothing of the others leaks.
 */
export function prepare(features: Field, trainRows: Uint32Array): Field {
  const { shape } = features
  const width = shape[1] ?? 0
  const data = Float32Array.from(features.data)
  for (let c = 0; c < width; c++) {
    const known = Array.from(trainRows, (row) => data[row * width + c] as number).filter((x) => !Number.isNaN(x))
    const middle = median(known)
    for (let at = c; at < data.length; at += width) if (Number.isNaN(data[at])) data[at] = middle
  }
  const normalizer = fitNormalizer({ data, shape }, { rows: trainRows })
  return { data: normalizer.apply(data), shape }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  const upper = sorted[half] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? upper)) / 2
}
