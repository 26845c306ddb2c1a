import { expect, test } from 'vitest'
import { ArrayDataset, DataLoader, random, WeightedRandomSampler } from '../../src/data/index.ts'

/** How often each index comes, as a share. */
function shares(order: Uint32Array, n: number): number[] {
  const counts = new Array<number>(n).fill(0)
  for (const index of order) counts[index] = (counts[index] ?? 0) + 1
  return counts.map((count) => count / order.length)
}

test('with replacement, samples come as often as their weights say', () => {
  const weights = [0, 1, 2, 0, 4, 1, 0]
  const found = shares(new WeightedRandomSampler(weights, { numSamples: 40_000 }).order(random(1)), 7)
  // Five standard deviations of a share of 1 / 2 in 40,000 draws.
  for (const [i, share] of found.entries()) {
    expect(Math.abs(share - (weights[i] as number) / 8)).toBeLessThan(0.0125)
  }
  expect([found[0], found[3], found[6]]).toEqual([0, 0, 0])
})

test('without replacement, no sample comes twice, and heavy ones come first', () => {
  const sampler = new WeightedRandomSampler([1, 0, 3, 1], { numSamples: 3, replacement: false })
  const firsts: number[] = []
  const seconds: number[] = []
  for (let seed = 0; seed < 20_000; seed++) {
    const order = sampler.order(random(seed))
    expect(order.toSorted()).toEqual(Uint32Array.of(0, 2, 3))
    firsts.push(order[0] as number)
    seconds.push(order[1] as number)
  }
  // First: 1/5, 0, 3/5, 1/5. Second: P(0) = 3/5 * 1/2 + 1/5 * 1/4; P(2) = 2/5 * 3/4.
  const near = (values: number[], expected: number[]): void => {
    for (const [i, share] of shares(Uint32Array.from(values), 4).entries()) {
      expect(Math.abs(share - (expected[i] as number))).toBeLessThan(0.018)
    }
  }
  near(firsts, [0.2, 0, 0.6, 0.2])
  near(seconds, [0.35, 0, 0.3, 0.35])
})

test('weights of very different sizes lose nothing', () => {
  const order = new WeightedRandomSampler([1e-300, 1e300, 1], { replacement: false }).order(random(3))
  expect(order.toSorted()).toEqual(Uint32Array.of(0, 1, 2))
  expect(order[0]).toBe(1)
})

test('rounding never leads to a sample of weight 0', () => {
  const highest = { ...random(0), u32: () => 0xffffffff }
  for (let seed = 0; seed < 500; seed++) {
    const r = random(seed)
    const weights = Array.from({ length: 2 + r.below(20) }, () => r.uniform() * (r.below(2) + 1e-3))
    const padded = [...weights, 0, 0, 0]
    for (const index of new WeightedRandomSampler(padded, { numSamples: 1 }).order(highest)) {
      expect(index, String(seed)).toBeLessThan(weights.length)
    }
    const all = new WeightedRandomSampler(padded, { numSamples: weights.length, replacement: false }).order(highest)
    expect(all.toSorted(), String(seed)).toEqual(Uint32Array.from(weights, (_, i) => i))
  }
})

test('a loader draws anew each epoch, the same for the same seed, and resumes', async () => {
  const n = 30
  const dataset = new ArrayDataset({ y: { data: Uint8Array.from({ length: n }, (_, i) => i), shape: [n] } })
  const loaderOf = (seed: number): DataLoader<'y'> => {
    const sampler = new WeightedRandomSampler(Array.from({ length: n }, (_, i) => i))
    return new DataLoader(dataset, { batchSize: 7, seed, sampler: sampler })
  }
  const epoch = async (loader: DataLoader<'y'>, upTo = Number.POSITIVE_INFINITY): Promise<number[]> => {
    const seen: number[] = []
    for await (const { y } of loader.hostBatches()) {
      seen.push(...y.data)
      if (seen.length >= upTo) break
    }
    return seen
  }
  const loader = loaderOf(1)
  const [first, second] = [await epoch(loader), await epoch(loader)]
  expect(first).toHaveLength(n)
  expect(second).not.toEqual(first)
  expect(await epoch(loaderOf(1))).toEqual(first)
  expect(await epoch(loaderOf(2))).not.toEqual(first)
  const stopped = loaderOf(1)
  await epoch(stopped, 14)
  const resumed = loaderOf(1)
  resumed.restore(stopped.state())
  expect(await epoch(resumed)).toEqual(first.slice(14))
})

test('says what does not fit', () => {
  const of = (weights: number[], options = {}) => new WeightedRandomSampler(weights, options)
  expect(() => of([1, -1])).toThrow('WeightedRandomSampler: weight 1 is -1; weights are numbers of 0 or more')
  expect(() => of([1, Number.NaN])).toThrow('WeightedRandomSampler: weight 1 is NaN; weights are numbers of 0 or more')
  expect(() => of([1], { numSamples: 0.5 })).toThrow(
    'WeightedRandomSampler: numSamples is 0.5; it must be a whole number of 0 or more',
  )
  expect(() => of([0, 0])).toThrow(
    'WeightedRandomSampler: 2 samples asked for and 0 weights are above 0; one at least must be',
  )
  expect(() => of([0, 1], { replacement: false })).toThrow(
    'WeightedRandomSampler: 2 samples asked for and 1 weights are above 0; without replacement no more than these can be drawn',
  )
  expect(() => of([1e308, 1e308])).toThrow(
    'WeightedRandomSampler: the weights add up to more than a double holds; make them smaller',
  )
  const dataset = new ArrayDataset({ y: { data: new Uint8Array(1), shape: [1] } })
  expect(() => new DataLoader(dataset, { batchSize: 1, shuffle: true, sampler: of([1]) })).toThrow(
    'DataLoader: shuffle and a sampler are given; the sampler decides the order',
  )
})
