import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { ArrayDataset, collate, DataLoader, type Dataset, eachSample, type HostArray } from '../../src/data/index.ts'

const i32 = (...values: number[]): HostArray => ({
  data: Int32Array.from(values),
  shape: [values.length],
  dtype: 'i32',
})

/** Samples 0 to n - 1 that take their time, later batches less than earlier ones, with a record of what was asked. */
class SlowDataset implements Dataset<'y'> {
  readonly length: number
  started = 0
  running = 0
  mostRunning = 0
  readonly signals: AbortSignal[] = []
  failAt = -1

  constructor(length: number) {
    this.length = length
  }

  async batch(indices: Uint32Array, signal?: AbortSignal): Promise<Record<'y', HostArray>> {
    const number = this.started++
    if (signal) this.signals.push(signal)
    this.mostRunning = Math.max(this.mostRunning, ++this.running)
    await sleep(number % 3 === 0 ? 6 : 1)
    this.running--
    if (indices.includes(this.failAt)) throw new Error(`sample ${this.failAt} is broken`)
    return { y: i32(...indices) }
  }
}

async function labels(loader: DataLoader<'y'>, upTo = Number.POSITIVE_INFINITY): Promise<number[][]> {
  const seen: number[][] = []
  for await (const { y } of loader.hostBatches()) {
    seen.push(Array.from(y.data))
    if (seen.length >= upTo) break
  }
  return seen
}

describe('prefetch', () => {
  test('hands out the same batches in the same order', async () => {
    const options = { batchSize: 3, shuffle: true, seed: 4 }
    const plain = new DataLoader(new SlowDataset(20), options)
    const ahead = new DataLoader(new SlowDataset(20), { ...options, prefetch: 3 })
    expect([await labels(ahead), await labels(ahead)]).toEqual([await labels(plain), await labels(plain)])
  })

  test('makes batches while one is worked with, and no more than asked for', async () => {
    const dataset = new SlowDataset(20)
    let handedOut = 0
    for await (const _ of new DataLoader(dataset, { batchSize: 2, prefetch: 3 }).hostBatches()) {
      handedOut++
      await sleep(4)
      expect(dataset.started).toBe(Math.min(10, handedOut + 3))
    }
    expect(handedOut).toBe(10)
    expect(dataset.mostRunning).toBe(4)
  })

  test('the state is that of what was handed out, so that a resumed loader gives the very next batch', async () => {
    const loaderOf = (): DataLoader<'y'> =>
      new DataLoader(new SlowDataset(20), { batchSize: 2, shuffle: true, seed: 1, prefetch: 4 })
    const expected = await labels(loaderOf())
    const stopped = loaderOf()
    await labels(stopped, 3)
    expect(stopped.state()).toEqual({ seed: 1, epoch: 0, batch: 3 })
    const resumed = loaderOf()
    resumed.restore(stopped.state())
    expect(await labels(resumed)).toEqual(expected.slice(3))
  })

  test('an error comes with its batch, after those before it', async () => {
    const dataset = new SlowDataset(12)
    dataset.failAt = 7
    const seen: number[][] = []
    const run = async (): Promise<void> => {
      for await (const { y } of new DataLoader(dataset, { batchSize: 2, prefetch: 8 }).hostBatches()) {
        seen.push(Array.from(y.data))
        await sleep(3)
      }
    }
    await expect(run()).rejects.toThrow('sample 7 is broken')
    expect(seen).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ])
  })

  test('a loop left early starts no more batches and calls off those under way; no error is left behind', async () => {
    const dataset = new SlowDataset(40)
    dataset.failAt = 5
    expect(await labels(new DataLoader(dataset, { batchSize: 2, prefetch: 3 }), 1)).toEqual([[0, 1]])
    expect(dataset.started).toBe(4)
    expect(dataset.signals.map((signal) => signal.aborted)).toEqual([true, true, true, true])
    // An unhandled rejection would fail the run.
    await sleep(15)
    expect([dataset.started, dataset.running]).toEqual([4, 0])
  })

  test('says what does not fit', () => {
    expect(() => new DataLoader(new SlowDataset(1), { batchSize: 1, prefetch: -1 })).toThrow(
      'DataLoader: prefetch is -1; it must be a whole number of batches, 0 or more',
    )
  })
})

describe('map', () => {
  const dataset = new ArrayDataset({
    x: { data: Float32Array.from({ length: 12 }, (_, i) => i), shape: [6, 2] },
    y: { data: Int32Array.from({ length: 6 }, (_, i) => i), shape: [6], dtype: 'i32' },
  })

  test('makes other batches, with other fields', async () => {
    const loader = new DataLoader(dataset, {
      batchSize: 4,
      map: ({ y }, { indices, epoch }) => ({ twice: i32(...y.data.map((v) => 2 * v)), at: i32(epoch, ...indices) }),
    })
    const seen: number[][][] = []
    for await (const { twice, at } of loader.hostBatches()) seen.push([[...twice.data], [...at.data]])
    expect(seen).toEqual([
      [
        [0, 2, 4, 6],
        [0, 0, 1, 2, 3],
      ],
      [
        [8, 10],
        [0, 4, 5],
      ],
    ])
  })

  test('by sample, with the same random numbers when resumed and others each epoch', async () => {
    const loaderOf = (): DataLoader<'x' | 'y', 'x' | 'n'> =>
      new DataLoader(dataset, {
        batchSize: 4,
        shuffle: true,
        prefetch: 2,
        map: eachSample(({ x, y }, random) => ({ x, n: { ...y, data: Int32Array.of(random.below(1e6)) } })),
      })
    const epoch = async (loader: DataLoader<'x' | 'y', 'x' | 'n'>): Promise<[number[], number[]][]> => {
      const seen: [number[], number[]][] = []
      for await (const { x, n } of loader.hostBatches()) {
        expect([x.shape, n.shape]).toEqual([[x.data.length / 2, 2], [n.data.length]])
        seen.push([[...x.data], [...n.data]])
      }
      return seen
    }
    const whole = loaderOf()
    const [first, second] = [await epoch(whole), await epoch(whole)]
    const drawn = [...first, ...second].flatMap(([, n]) => n)
    expect(new Set(drawn).size).toBe(12)
    const order = first.flatMap(([x]) => x.filter((_, i) => i % 2 === 0).map((v) => v / 2))
    expect(order).toEqual(Array.from(loaderOf().order(0)))
    const resumed = loaderOf()
    resumed.restore({ seed: 0, epoch: 0, batch: 1 })
    expect(await epoch(resumed)).toEqual(first.slice(1))
  })

  test('collate says what does not agree', () => {
    const one = { x: { data: new Float32Array(2), shape: [2], dtype: 'f32' as const } }
    expect(collate([one, one]).x).toEqual({ data: new Float32Array(4), shape: [2, 2], dtype: 'f32' })
    expect(() => collate([])).toThrow('collate: there are no samples; give at least one')
    expect(() => collate([one, { x: { ...one.x, shape: [1, 2] } }])).toThrow(
      'collate: x is f32 [1, 2] in sample 1 and f32 [2] in the first; samples of a batch must agree',
    )
    expect(() => collate([one, {} as typeof one])).toThrow(
      'collate: x is missing in sample 1 and f32 [2] in the first; samples of a batch must agree',
    )
  })
})
