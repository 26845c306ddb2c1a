import { expect, test } from 'vitest'
import { ArrayDataset, kFold, randomSplit, Subset, stratifiedFolds, stratifiedSplit } from '../../src/data/index.ts'

const countTo = (n: number): ArrayDataset<'y'> =>
  new ArrayDataset({ y: { data: Uint8Array.from({ length: n }, (_, i) => i), shape: [n], dtype: 'i32' } })

const rows = (folds: { test: Uint32Array }[]): number[][] => folds.map((fold) => Array.from(fold.test))
const sorted = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b)
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

test('a subset is the samples asked for, in their order, and of itself another subset', async () => {
  const some = new Subset(countTo(10), [7, 2, 2, 9])
  expect(some.length).toBe(4)
  expect((await some.batch(Uint32Array.of(3, 0, 1))).y.data).toEqual(Int32Array.of(9, 7, 2))
  expect((await new Subset(some, [1]).batch(Uint32Array.of(0))).y.data).toEqual(Int32Array.of(2))
  expect(() => new Subset(countTo(3), [1, 3])).toThrow('Subset: index 3 of 3 samples; indices go from 0 to length - 1')
  expect(() => some.batch(Uint32Array.of(4))).toThrow('Subset: sample 4 asked of 4; indices go from 0 to length - 1')
})

test('randomSplit gives each sample to one part, the same for the same seed', () => {
  const split = (sizes: number[], seed?: number): number[][] =>
    randomSplit(countTo(11), sizes, seed === undefined ? {} : { seed }).map((part) => Array.from(part.indices))
  expect(split([0.7, 0.2, 0.1]).map((part) => part.length)).toEqual([8, 2, 1])
  expect(randomSplit(countTo(100), [0.43, 0.57]).map((part) => part.length)).toEqual([43, 57])
  expect(split([6, 5, 0]).map((part) => part.length)).toEqual([6, 5, 0])
  expect(sorted(split([0.5, 0.5], 3).flat())).toEqual(upTo(11))
  expect(split([6, 5], 3)).toEqual(split([6, 5], 3))
  expect(split([6, 5], 3)).not.toEqual(split([6, 5], 4))
  expect(() => split([0.7, 0.2])).toThrow(
    'randomSplit: [0.7, 0.2] of 11 samples add up to 0.8999999999999999; sizes must add up to 11, or fractions to 1',
  )
  expect(() => split([12, -1])).toThrow('randomSplit: [12, -1] of 11 samples; give parts of 0 or more')
})

test('kFold cuts into blocks that differ by a row at most', () => {
  expect(rows(kFold(7, 3))).toEqual([
    [0, 1, 2],
    [3, 4],
    [5, 6],
  ])
  expect(Array.from(kFold(7, 3)[1]?.train ?? [])).toEqual([0, 1, 2, 5, 6])
  expect(rows(kFold(8, 5)).map((fold) => fold.length)).toEqual([2, 2, 2, 1, 1])
  const shuffled = rows(kFold(23, 5, { shuffle: true, seed: 2 }))
  expect(shuffled.map((fold) => fold.length)).toEqual([5, 5, 5, 4, 4])
  expect(sorted(shuffled.flat())).toEqual(upTo(23))
  expect(shuffled).not.toEqual(rows(kFold(23, 5)))
  expect(() => kFold(3, 4)).toThrow('kFold: 4 folds of 3 rows; there must be at least 2, and no more than rows')
})

test('stratifiedFolds deals the rows of each class out in turn', () => {
  const labels = [0, 0, 1, 0, 1, 1, 0, 0, 1]
  expect(rows(stratifiedFolds(labels, 3))).toEqual([
    [0, 2, 6, 8],
    [1, 4, 7],
    [3, 5],
  ])
  const shuffled = stratifiedFolds(labels, 3, { shuffle: true, seed: 1 })
  expect(sorted(rows(shuffled).flat())).toEqual(upTo(9))
  for (const { train, test } of shuffled) {
    expect(sorted([...train, ...test])).toEqual(upTo(9))
    expect(new Set(Array.from(test, (row) => labels[row]))).toEqual(new Set([0, 1]))
  }
  expect(() => stratifiedFolds(['a', 'b', 'a'], 2)).toThrow(
    'stratifiedFolds: class b has 1 rows and 2 folds are asked for; every class needs a row for each fold',
  )
  expect(() => stratifiedFolds([0, Number.NaN], 2)).toThrow(
    'stratifiedFolds: row 1 has the class NaN; every row needs a class',
  )
})

test('stratifiedSplit keeps the share of each class', () => {
  const labels = Array.from({ length: 100 }, (_, i) => (i < 20 ? 'rare' : 'common'))
  const parts = stratifiedSplit(labels, [0.7, 0.3], { seed: 5 })
  expect(parts.map((part) => [part.length, part.filter((row) => labels[row] === 'rare').length])).toEqual([
    [70, 14],
    [30, 6],
  ])
  expect(sorted(parts.flatMap((part) => [...part]))).toEqual(upTo(100))
  expect(stratifiedSplit(labels, [0.7, 0.3], { seed: 6 })).not.toEqual(parts)
  expect(() => stratifiedSplit(labels, [70, 30])).toThrow(
    'stratifiedSplit: [70, 30] of 100 samples add up to 100; fractions must add up to 1',
  )
})
