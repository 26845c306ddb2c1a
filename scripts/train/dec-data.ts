import { readFile } from 'node:fs/promises'
import { ArrayDataset } from '../../src/data/index.ts'
import { findDigits } from '../start/digits.ts'
import { prepare, readTable, tableTasks } from './tables.ts'

/** Samples to cluster. */
export interface ClusterSamples {
  readonly title: string
  readonly data: ArrayDataset<'x'>
  /** The class of each, which only the scores see. */
  readonly classes: ArrayLike<number>
  readonly count: number
  /** Elements of a sample. */
  readonly features: number
}

/** Sets that can be clustered. */
export const clusterSets: readonly string[] = ['digits', ...Object.keys(tableTasks)]

/** Reads a set: digits from a folder, else downloaded or drawn; tables from a CSV file, all features brought to one scale. */
export async function readClusterSamples(
  set: string,
  path: string | undefined,
  say: (line: string) => void,
): Promise<ClusterSamples> {
  return set === 'digits' ? digits(path, say) : table(set, path)
}

async function digits(folder: string | undefined, say: (line: string) => void): Promise<ClusterSamples> {
  const found = await findDigits({ ...(folder !== undefined && { folder }), all: true, seed: 0, say })
  const count = found.labels.length
  const features = found.images.length / count
  return {
    title: found.source,
    data: new ArrayDataset({ x: { data: found.images, shape: [count, features], scale: 1 / 255 } }),
    classes: found.labels,
    count: new Set(found.labels).size,
    features,
  }
}

async function table(set: string, file: string | undefined): Promise<ClusterSamples> {
  const task = tableTasks[set]
  if (!task) throw new Error(`dec: there is no set ${set}; there are ${clusterSets.join(', ')}`)
  if (file === undefined) throw new Error(`dec: --set ${set} is given without --data; name its CSV file`)
  const csv = await readFile(file).catch((cause: Error) => {
    throw new Error(`dec: ${file} cannot be read (${cause.message}); --data names a CSV file`, { cause })
  })
  const { features, labels } = readTable(csv, task)
  const rows = Uint32Array.from(labels, (_, i) => i)
  return {
    title: task.title,
    data: new ArrayDataset({ x: prepare(features, rows) }),
    classes: labels,
    count: new Set(labels).size,
    features: features.shape[1] ?? 0,
  }
}
