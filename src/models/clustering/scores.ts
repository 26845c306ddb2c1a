import munkres from 'munkres'
import { fail } from '../../errors.ts'

/** Counts of samples by cluster and class. */
interface Table {
  readonly counts: readonly (readonly number[])[]
  readonly clusters: readonly number[]
  readonly classes: readonly number[]
  readonly samples: number
}

/** What clusters and classes have in common; labels count from 0. */
function tableOf(op: string, labels: ArrayLike<number>, classes: ArrayLike<number>): Table {
  if (labels.length !== classes.length || labels.length === 0)
    fail(op, `${labels.length} labels for ${classes.length} classes`, 'give one of each for every sample, at least one')
  const size = (values: ArrayLike<number>, name: string): number => {
    const bad = Array.from(values).find((value) => !Number.isInteger(value) || value < 0)
    if (bad !== undefined) fail(op, `${name} hold ${bad}`, 'they must be whole numbers from 0 on')
    return Array.from(values).reduce((most, value) => Math.max(most, value), 0) + 1
  }
  const rows = size(labels, 'labels')
  const columns = size(classes, 'classes')
  const counts = Array.from({ length: rows }, () => new Array<number>(columns).fill(0))
  for (let i = 0; i < labels.length; i++) {
    const row = counts[labels[i] as number] as number[]
    row[classes[i] as number] = (row[classes[i] as number] as number) + 1
  }
  return {
    counts,
    clusters: counts.map(total),
    classes: Array.from({ length: columns }, (_, c) => total(counts.map((row) => row[c] as number))),
    samples: labels.length,
  }
}

/**
 * Share of samples whose cluster is that of their class, under the best matching of clusters to classes (Munkres' method), each to one at
 * most; from 0 to 1.
 *
 * @param labels The cluster of each sample, whole numbers from 0 on.
 * @param classes The class of each sample, likewise.
 */
export function clusteringAccuracy(labels: ArrayLike<number>, classes: ArrayLike<number>): number {
  const { counts, samples } = tableOf('clusteringAccuracy', labels, classes)
  const pairs = munkres(counts.map((row) => row.map((count) => -count)))
  return total(pairs.map(([cluster, c]) => counts[cluster]?.[c] ?? 0)) / samples
}

/**
 * Mutual information of clusters and classes over the mean of their entropies (Strehl and Ghosh 2002, with the arithmetic mean); from 0 to
 * 1, and 1 where all is in one cluster and one class.
 */
export function normalizedMutualInformation(labels: ArrayLike<number>, classes: ArrayLike<number>): number {
  const table = tableOf('normalizedMutualInformation', labels, classes)
  const { counts, samples } = table
  const mutual = counts.flatMap((row, i) =>
    row.map((count, j) =>
      count === 0
        ? 0
        : (count / samples) *
          Math.log((count * samples) / ((table.clusters[i] as number) * (table.classes[j] as number))),
    ),
  )
  const entropies = entropy(table.clusters, samples) + entropy(table.classes, samples)
  return entropies === 0 ? 1 : Math.max(0, (2 * total(mutual)) / entropies)
}

/** Agreement of pairs of samples above that of chance (Hubert and Arabie 1985): 1 where all agree, about 0 by chance. */
export function adjustedRandIndex(labels: ArrayLike<number>, classes: ArrayLike<number>): number {
  const { counts, clusters, classes: columns, samples } = tableOf('adjustedRandIndex', labels, classes)
  const pairs = (sizes: readonly number[]): number => total(sizes.map((n) => (n * (n - 1)) / 2))
  const both = pairs(counts.flat())
  const [inClusters, inClasses] = [pairs(clusters), pairs(columns)]
  const expected = samples < 2 ? 0 : (inClusters * inClasses) / pairs([samples])
  const most = (inClusters + inClasses) / 2
  return most === expected ? 1 : (both - expected) / (most - expected)
}

function entropy(sizes: readonly number[], samples: number): number {
  return -total(sizes.map((n) => (n === 0 ? 0 : (n / samples) * Math.log(n / samples))))
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
