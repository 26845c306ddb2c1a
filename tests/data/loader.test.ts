import { describe, expect, test } from 'vitest'
import { ArrayDataset } from '../../src/data/dataset.ts'
import type { Idx } from '../../src/data/idx.ts'
import { imageDataset } from '../../src/data/images.ts'
import { DataLoader, type DataLoaderOptions } from '../../src/data/loader.ts'

function countTo(n: number): ArrayDataset<'x' | 'y'> {
  return new ArrayDataset({
    x: { data: Uint8Array.from({ length: n * 2 }, (_, i) => i), shape: [n, 2], scale: 0.5 },
    y: { data: Uint8Array.from({ length: n }, (_, i) => i), shape: [n], dtype: 'i32' },
  })
}

async function epoch(loader: DataLoader<'x' | 'y'>, stopAfter = Number.POSITIVE_INFINITY): Promise<number[][]> {
  const labels: number[][] = []
  for await (const { y } of loader.hostBatches()) {
    labels.push(Array.from(y.data))
    if (labels.length >= stopAfter) break
  }
  return labels
}

const loaderOf = (n: number, options: DataLoaderOptions): DataLoader<'x' | 'y'> => new DataLoader(countTo(n), options)

describe('ArrayDataset', () => {
  test('gathers, converts and scales', () => {
    expect(countTo(4).batch(Uint32Array.of(3, 0))).toEqual({
      x: { data: Float32Array.of(3, 3.5, 0, 0.5), shape: [2, 2], dtype: 'f32' },
      y: { data: Int32Array.of(3, 0), shape: [2], dtype: 'i32' },
    })
  })

  test('a slice shares the arrays', () => {
    const part = countTo(10).slice(4, 6)
    expect(part.length).toBe(2)
    expect(part.batch(Uint32Array.of(1)).y.data).toEqual(Int32Array.of(5))
    expect(countTo(10).slice(10).length).toBe(0)
  })

  test('says what does not fit', () => {
    const y = { data: new Uint8Array(3), shape: [3] }
    expect(() => new ArrayDataset({ x: { data: new Uint8Array(5), shape: [3, 2] }, y })).toThrow(
      'ArrayDataset: x has 5 elements and shape [3, 2] needs 6; the first axis counts samples',
    )
    expect(() => new ArrayDataset({ x: { data: new Uint8Array(4), shape: [2, 2] }, y })).toThrow(
      'ArrayDataset: y has 3 samples and x has 2; every field needs the same number',
    )
    expect(() => new ArrayDataset({})).toThrow('ArrayDataset: no fields given; give at least one, such as { x, y }')
    expect(() => countTo(3).slice(2, 4)).toThrow(
      'ArrayDataset: slice(2, 4) of 3 samples; give 0 <= from <= to <= length',
    )
    expect(() => countTo(3).batch(Uint32Array.of(3))).toThrow(
      'ArrayDataset: sample 3 asked of 3; indices go from 0 to length - 1',
    )
  })
})

describe('imageDataset', () => {
  const labels = { dtype: 'u8' as const, shape: [2], data: Uint8Array.of(7, 9) }
  const bytes = (...shape: number[]): Extract<Idx, { dtype: 'u8' }> => ({
    dtype: 'u8',
    shape,
    data: new Uint8Array(shape.reduce((product, n) => product * n, 1)).fill(255),
  })

  test('gives images a channel axis and the range 0 to 1', () => {
    const one = Uint32Array.of(1)
    expect(imageDataset(bytes(2, 1, 3), labels).batch(one)).toEqual({
      x: { data: Float32Array.of(1, 1, 1), shape: [1, 1, 3, 1], dtype: 'f32' },
      y: { data: Int32Array.of(9), shape: [1], dtype: 'i32' },
    })
    expect(imageDataset(bytes(2, 4, 5, 3), labels).batch(one).x.shape).toEqual([1, 4, 5, 3])
  })

  test('says what does not fit', () => {
    expect(() => imageDataset(bytes(2, 28), labels)).toThrow(
      'imageDataset: images are u8 [2, 28]; they must be u8 [n, height, width] or u8 [n, height, width, channels]',
    )
    expect(() => imageDataset(bytes(3, 1, 1), labels)).toThrow(
      'imageDataset: labels are u8 [2]; 3 images need whole numbers [3]',
    )
  })
})

describe('DataLoader', () => {
  test('in order, with a smaller last batch', async () => {
    const loader = loaderOf(5, { batchSize: 2 })
    expect(loader.length).toBe(3)
    expect(await epoch(loader)).toEqual([[0, 1], [2, 3], [4]])
    expect(await epoch(loader)).toEqual([[0, 1], [2, 3], [4]])
  })

  test('dropLast leaves a smaller last batch out', async () => {
    const loader = loaderOf(5, { batchSize: 2, dropLast: true })
    expect(loader.length).toBe(2)
    expect(await epoch(loader)).toEqual([
      [0, 1],
      [2, 3],
    ])
  })

  test('each epoch has its own order, the same for the same seed', async () => {
    const run = async (seed: number): Promise<number[][]> => {
      const loader = loaderOf(50, { batchSize: 8, shuffle: true, seed })
      return [(await epoch(loader)).flat(), (await epoch(loader)).flat()]
    }
    const [first, second] = await run(1)
    expect(await run(1)).toEqual([first, second])
    expect(first).not.toEqual(second)
    expect((await run(2))[0]).not.toEqual(first)
    expect(first?.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i))
  })

  test('continues from a state in mid-epoch with the very next batch, then with the next epoch', async () => {
    const options = { batchSize: 8, shuffle: true, seed: 9 }
    const whole = loaderOf(50, options)
    const expected = [await epoch(whole), await epoch(whole), await epoch(whole)]

    const stopped = loaderOf(50, options)
    await epoch(stopped)
    await epoch(stopped, 3)
    const state = JSON.parse(JSON.stringify(stopped.state()))
    expect(state).toEqual({ seed: 9, epoch: 1, batch: 3 })

    const resumed = loaderOf(50, { ...options, seed: 0 })
    resumed.restore(state)
    expect(await epoch(resumed)).toEqual(expected[1]?.slice(3))
    expect(await epoch(resumed)).toEqual(expected[2])
    expect(resumed.state()).toEqual({ seed: 9, epoch: 3, batch: 0 })
  })

  test('an epoch left early is over: the next loop starts the next one', async () => {
    const options = { batchSize: 8, shuffle: true, seed: 9 }
    const whole = loaderOf(50, options)
    const expected = [await epoch(whole), await epoch(whole)]
    const loader = loaderOf(50, options)
    expect(await epoch(loader, 2)).toEqual(expected[0]?.slice(0, 2))
    expect(await epoch(loader)).toEqual(expected[1])
  })

  test('an empty dataset has no batches', async () => {
    expect(await epoch(loaderOf(0, { batchSize: 4, shuffle: true }))).toEqual([])
  })

  test('says what does not fit', () => {
    expect(() => loaderOf(3, { batchSize: 0 })).toThrow('DataLoader: batchSize is 0; it must be a whole number above 0')
    expect(() => loaderOf(3, { batchSize: 1, seed: 0.5 })).toThrow('DataLoader: seed is 0.5; it must be a whole number')
    expect(() => loaderOf(3, { batchSize: 1 }).restore({ seed: 0, epoch: 0, batch: 9 })).toThrow(
      'DataLoader: cannot restore {"seed":0,"epoch":0,"batch":9}; it must come from state() of a loader with 3 batches an epoch',
    )
  })
})
