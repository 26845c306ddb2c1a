import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  bernoulli,
  type Device,
  full,
  grad,
  gumbelSoftmax,
  manualSeed,
  multinomial,
  randint,
  randperm,
  tensor,
} from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'

let gpu: Device
beforeAll(async () => {
  gpu = await openDevice()
  manualSeed(7)
})
afterAll(() => gpu.close())

function shares(ids: ArrayLike<number>, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0)
  for (const id of Array.from(ids)) counts[id] = (counts[id] ?? Number.NaN) + 1
  return counts.map((n) => n / ids.length)
}

// Bounds are five standard deviations of the share of n draws, sqrt(p (1 - p) / n).
function expectShares(actual: readonly number[], expected: readonly number[], n: number): void {
  expect(actual.length).toBe(expected.length)
  expected.forEach((p, i) => {
    expect(Math.abs(actual[i]! - p)).toBeLessThanOrEqual(5 * Math.sqrt((p * (1 - p)) / n))
  })
}

it('whole numbers are uniform between their bounds', async () => {
  expectShares(
    shares(
      (await randint(-2, 3, [8192]).data()).map((v) => Number(v) + 2),
      5,
    ),
    [0.2, 0.2, 0.2, 0.2, 0.2],
    8192,
  )
  expect(() => randint(3, 3, [1])).toThrow(
    'randint: low is 3 and high is 3; they must be whole numbers, high above low by at most 2^24',
  )
})

it('a permutation has each number once, and another order each time', async () => {
  const [a, b] = [Array.from(await randperm(500).data()), Array.from(await randperm(500).data())]
  const numbers = Array.from({ length: 500 }, (_, i) => i)
  expect([...a].sort((x, y) => x - y)).toEqual(numbers)
  expect(a).not.toEqual(numbers)
  expect(a).not.toEqual(b)
})

it('coins fall by their probabilities', async () => {
  const rows = await bernoulli(tensor([0, 0.25, 1]).reshape([3, 1]).expand([3, 4096])).data()
  expect(Array.from(rows.slice(0, 4096)).some((v) => v !== 0)).toBe(false)
  expect(Array.from(rows.slice(8192)).some((v) => v !== 1)).toBe(false)
  expectShares(shares(rows.slice(4096, 8192), 2), [0.75, 0.25], 4096)
})

it('draws follow the weights, with and without replacement', async () => {
  const weights = tensor([1, 0, 3, 4])
  expectShares(shares(await multinomial(weights, 8192, true).data(), 4), [1 / 8, 0, 3 / 8, 1 / 2], 8192)
  const pairs = await multinomial(weights.expand([4096, 4]), 3).data()
  const first = pairs.filter((_, i) => i % 3 === 0)
  expectShares(shares(first, 4), [1 / 8, 0, 3 / 8, 1 / 2], 4096)
  for (let r = 0; r < 4096; r++) expect(new Set(pairs.slice(3 * r, 3 * r + 3)).size).toBe(3)
  expect(() => multinomial(weights, 5)).toThrow(
    'multinomial: count is 5 for weights [4]; it must be from 1 to 4 without replacement',
  )
})

it('soft draws have rows of sum 1, hard ones one class with the slope of the soft', async () => {
  const probabilities = [0.1, 0.6, 0.3]
  const logits = tensor(probabilities.map(Math.log), { requiresGrad: true })
  const rows = logits.expand([4096, 3])
  const soft = Array.from(await gumbelSoftmax(rows, { tau: 0.5 }).data())
  for (let r = 0; r < 20; r++) expect(soft.slice(3 * r, 3 * r + 3).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5)
  const hard = gumbelSoftmax(rows, { hard: true })
  const drawn = Array.from(await hard.data())
  const classes = Array.from({ length: 4096 }, (_, r) => drawn.slice(3 * r, 3 * r + 3).findIndex((v) => v > 0.5))
  expectShares(shares(classes, 3), probabilities, 4096)
  const slope = await grad(hard.mul(tensor([1, 2, 3])).sum(), [logits])[0]!.data()
  expect(slope.some((v) => Math.abs(v) > 1)).toBe(true)
  expect(() => gumbelSoftmax(full([2], 0), { tau: 0 })).toThrow('gumbelSoftmax: tau is 0; it must be above 0')
})
