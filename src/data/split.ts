import { fail } from '../errors.ts'
import type { Dataset, HostArray } from './dataset.ts'
import { permutation, random } from './random.ts'

/** Some samples of a dataset, in the order given; the same sample may come more than once. */
export class Subset<K extends string> implements Dataset<K> {
  readonly dataset: Dataset<K>
  /** Which samples of `dataset` these are [length]. */
  readonly indices: Uint32Array

  constructor(dataset: Dataset<K>, indices: ArrayLike<number>) {
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i] as number
      if (!(Number.isInteger(index) && index >= 0 && index < dataset.length)) {
        fail('Subset', `index ${index} of ${dataset.length} samples`, 'indices go from 0 to length - 1')
      }
    }
    this.dataset = dataset
    this.indices = Uint32Array.from(indices)
  }

  get length(): number {
    return this.indices.length
  }

  batch(indices: Uint32Array, signal?: AbortSignal): Record<K, HostArray> | Promise<Record<K, HostArray>> {
    const inner = indices.map((index) => {
      const found = this.indices[index]
      return found ?? fail('Subset', `sample ${index} asked of ${this.length}`, 'indices go from 0 to length - 1')
    })
    return this.dataset.batch(inner, signal)
  }
}

/** Options of what draws an order of its own. */
export interface SplitOptions {
  /** Decides which samples go where: the same seed gives the same parts everywhere. 0 unless told. */
  seed?: number
}

/**
 * Splits a dataset at random into parts that share no sample, as PyTorch's `random_split`.
 *
 * @param sizes Samples of each part, which add up to the dataset's length, or fractions that add up to 1: each part
 *   then gets its share rounded down, and what is left over goes to the first parts, one sample each.
 * @example const [train, validation] = randomSplit(dataset, [0.9, 0.1], { seed: 1 })
 */
export function randomSplit<K extends string>(
  dataset: Dataset<K>,
  sizes: readonly number[],
  options: SplitOptions = {},
): Subset<K>[] {
  const order = permutation(dataset.length, random(options.seed ?? 0))
  let at = 0
  return partSizes('randomSplit', sizes, dataset.length).map((size) => {
    at += size
    return new Subset(dataset, order.subarray(at - size, at))
  })
}

/** Rows to fit on and rows to test with. */
export interface Fold {
  /** Rows to train on, ascending. */
  train: Uint32Array
  /** The other rows, ascending. */
  test: Uint32Array
}

/** Options of {@link kFold} and {@link stratifiedFolds}. */
export interface FoldOptions extends SplitOptions {
  /** Whether rows are put into an order of the seed's before they are dealt out. False unless told. */
  shuffle?: boolean
}

/**
 * Cuts rows into `k` blocks, each of which is tested with once while the others train. Blocks are consecutive rows
 * unless shuffled; the first n mod k have one row more.
 *
 * @param n How many rows there are.
 * @param k How many folds, from 2 to n.
 */
export function kFold(n: number, k: number, options: FoldOptions = {}): Fold[] {
  checkFolds('kFold', n, k)
  const order = orderOf(n, options)
  const foldOf = new Uint32Array(n)
  const larger = n % k
  const size = Math.floor(n / k)
  order.forEach((row, i) => {
    // The first `larger` folds hold size + 1 rows.
    const inLarger = i < larger * (size + 1)
    foldOf[row] = inLarger ? Math.floor(i / (size + 1)) : Math.floor((i - larger) / size)
  })
  return folds(foldOf, k)
}

/**
 * Folds in which every class has its share: the i-th row of a class is tested with in fold i mod k.
 *
 * @param labels The class of each row [n].
 * @param k How many folds; every class needs as many rows.
 * @example for (const { train, test } of stratifiedFolds(labels, 5)) fitAndScore(new Subset(data, train), test)
 */
export function stratifiedFolds(labels: ArrayLike<number | string>, k: number, options: FoldOptions = {}): Fold[] {
  checkFolds('stratifiedFolds', labels.length, k)
  const foldOf = new Uint32Array(labels.length)
  for (const [label, rows] of rowsByClass('stratifiedFolds', labels, options)) {
    if (rows.length < k) {
      fail(
        'stratifiedFolds',
        `class ${label} has ${rows.length} rows and ${k} folds are asked for`,
        'every class needs a row for each fold',
      )
    }
    rows.forEach((row, i) => {
      foldOf[row] = i % k
    })
  }
  return folds(foldOf, k)
}

/**
 * Rows cut at random into parts that each have every class in its share.
 *
 * @param labels The class of each row [n].
 * @param fractions Shares that add up to 1; a class's rows are rounded down, the rest go to the first parts.
 * @returns The rows of each part, ascending.
 */
export function stratifiedSplit(
  labels: ArrayLike<number | string>,
  fractions: readonly number[],
  options: SplitOptions = {},
): Uint32Array[] {
  partSizes('stratifiedSplit', fractions, labels.length, 'fractions')
  const parts: number[][] = fractions.map(() => [])
  for (const rows of rowsByClass('stratifiedSplit', labels, { ...options, shuffle: true }).values()) {
    let at = 0
    partSizes('stratifiedSplit', fractions, rows.length, 'fractions').forEach((size, part) => {
      for (const row of rows.slice(at, at + size)) parts[part]?.push(row)
      at += size
    })
  }
  return parts.map((rows) => Uint32Array.from(rows).sort())
}

function partSizes(op: string, sizes: readonly number[], n: number, only?: 'fractions'): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const shown = `[${sizes.join(', ')}] of ${n} samples`
  if (sizes.length === 0 || !sizes.every((size) => size >= 0)) fail(op, shown, 'give parts of 0 or more')
  if (!only && total === n && sizes.every(Number.isInteger)) return [...sizes]
  if (Math.abs(total - 1) > 1e-6) {
    const right = only ? 'fractions must add up to 1' : `sizes must add up to ${n}, or fractions to 1`
    fail(op, `${shown} add up to ${total}`, right)
  }
  // 0.57 of 100 is 57, and not the 56 that its binary fraction would be rounded down to.
  const floors = sizes.map((size) => Math.floor(n * size + 1e-9))
  const left = n - floors.reduce((sum, size) => sum + size, 0)
  return floors.map((size, i) => size + Math.floor(left / sizes.length) + (i < left % sizes.length ? 1 : 0))
}

function checkFolds(op: string, n: number, k: number): void {
  if (!(Number.isInteger(k) && k >= 2 && k <= n)) {
    fail(op, `${k} folds of ${n} rows`, 'there must be at least 2, and no more than rows')
  }
}

function orderOf(n: number, { shuffle = false, seed = 0 }: FoldOptions): Uint32Array {
  return shuffle ? permutation(n, random(seed)) : Uint32Array.from({ length: n }, (_, i) => i)
}

function rowsByClass(
  op: string,
  labels: ArrayLike<number | string>,
  options: FoldOptions,
): Map<number | string, number[]> {
  const classes = new Map<number | string, number[]>()
  for (const row of orderOf(labels.length, options)) {
    const label = labels[row] as number | string
    if (Number.isNaN(label)) fail(op, `row ${row} has the class NaN`, 'every row needs a class')
    const rows = classes.get(label)
    if (rows) rows.push(row)
    else classes.set(label, [row])
  }
  return classes
}

function folds(foldOf: Uint32Array, k: number): Fold[] {
  const rows = Uint32Array.from(foldOf, (_, row) => row)
  return Array.from({ length: k }, (_, fold) => ({
    train: rows.filter((row) => foldOf[row] !== fold),
    test: rows.filter((row) => foldOf[row] === fold),
  }))
}
