import { ArrayDataset, fitNormalizer, type NormalizerState, normalizer } from '../../src/data/index.ts'
import { findDigits } from '../start/digits.ts'
import { digestOf } from './common/digest.ts'
import { readNamed } from './common/read-named.ts'
import { readRows, readTable, tableTasks } from './tables.ts'

/** Samples to cluster. */
export interface ClusterSamples {
  readonly title: string
  readonly data: ArrayDataset<'x'>
  /** The class of each, which only the scores see; -1 where a sample to predict has none. */
  readonly classes: ArrayLike<number>
  readonly count: number
  /** Elements of a sample. */
  readonly features: number
  /** Their checksum. */
  readonly digest: string
  /** What brought the features of a table to one scale. */
  readonly scaling?: NormalizerState
}

/** Sets that can be clustered. */
export const clusterSets: readonly string[] = ['digits', ...Object.keys(tableTasks)]

/**
 * Reads a set: digits from a folder, else downloaded or drawn; tables from a CSV file, all features brought to one scale: by `scaling`
 * where a training has it, or by themselves.
 */
export async function readClusterSamples(
  set: string,
  path: string | undefined,
  options: { readonly say: (line: string) => void; readonly scaling?: NormalizerState },
): Promise<ClusterSamples> {
  return set === 'digits' ? digits(path, options.say) : table(set, path, options.scaling)
}

async function digits(folder: string | undefined, say: (line: string) => void): Promise<ClusterSamples> {
  const found = await findDigits({ program: 'dec', ...(folder !== undefined && { folder }), all: true, seed: 0, say })
  const count = found.labels.length
  const features = found.images.length / count
  return {
    title: found.source,
    data: new ArrayDataset({ x: { data: found.images, shape: [count, features], scale: 1 / 255 } }),
    digest: digestOf(found.images, found.labels),
    classes: found.labels,
    count: new Set(found.labels).size,
    features,
  }
}

async function table(
  set: string,
  file: string | undefined,
  given: NormalizerState | undefined,
): Promise<ClusterSamples> {
  const task = tableTasks[set]
  if (!task) throw new Error(`dec: there is no set ${set}; there are ${clusterSets.join(', ')}`)
  if (file === undefined) throw new Error(`dec: --set ${set} is given without --data; name its CSV file`)
  const csv = await readNamed('dec', file, '--data names a CSV file')
  const { features, labels } = given ? readRows(csv, task) : readTable(csv, task, 'dec')
  const scaling = given ? normalizer(given) : fitNormalizer(features)
  return {
    title: task.title,
    data: new ArrayDataset({ x: { data: scaling.apply(features.data), shape: features.shape } }),
    scaling: { shift: scaling.shift, scale: scaling.scale },
    digest: digestOf(csv),
    classes: labels,
    count: new Set(labels).size,
    features: features.shape[1] ?? 0,
  }
}
