import { beforeAll, describe, expect, test } from 'vitest'
import { ArrayDataset, DataLoader } from '../../src/data/index.ts'
import { crossEntropy, manualSeed, openDevice } from '../../src/index.ts'
import { Linear, ReLU, Sequential } from '../../src/nn/index.ts'
import { AdamW } from '../../src/optim/index.ts'
import { accuracy, type Callback, fit, type StepLog } from '../../src/train/index.ts'

beforeAll(async () => {
  await openDevice()
})

function table(n: number, seed: number): ArrayDataset<'x' | 'y'> {
  const x = new Float32Array(n * 2)
  const y = new Int32Array(n)
  let word = seed
  for (let i = 0; i < n; i++) {
    const [a, b] = [0, 0].map(() => {
      word = (Math.imul(word, 1664525) + 1013904223) >>> 0
      return word / 2 ** 31 - 1
    }) as [number, number]
    x.set([a, b], 2 * i)
    y[i] = a * b > 0 ? 1 : 0
  }
  return new ArrayDataset({ x: { data: x, shape: [n, 2] }, y: { data: y, shape: [n], dtype: 'i32' } })
}

describe('fit', () => {
  test('learns, tells its callbacks and answers with the history', async () => {
    manualSeed(1)
    const model = new Sequential(new Linear(2, 16), new ReLU(), new Linear(16, 2))
    const seen: StepLog[] = []
    const prepared: [number, number][] = []
    const watch: Callback = {
      onStep: (log) => void seen.push(log),
      onPrepare: (done, total) => void prepared.push([done, total]),
    }
    const loader = new DataLoader(table(300, 1), { batchSize: 32, shuffle: true })
    const history = await fit(model, loader, {
      loss: (output, { y }) => crossEntropy(output, y),
      optimizer: new AdamW(model.parameters(), { lr: 2e-2 }),
      epochs: 12,
      validation: new DataLoader(table(100, 2), { batchSize: 64 }),
      metrics: { accuracy: accuracy() },
      trainMetrics: { accuracy: accuracy() },
      callbacks: [watch],
    })
    expect(history).toMatchObject({ outcome: 'finished', reason: null, steps: seen })
    expect(history.epochs.map((e) => e.epoch)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(history.epochs.at(-1)?.accuracy).toBeGreaterThan(0.9)
    expect(prepared.at(-1)?.[0]).toBe(prepared.at(-1)?.[1])
    expect(seen.map((s) => s.step)).toEqual(Array.from({ length: 120 }, (_, i) => i + 1))
  })
})
