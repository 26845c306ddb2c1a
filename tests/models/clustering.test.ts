import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ArrayDataset } from '../../src/data/index.ts'
import { type Device, manualSeed, openDevice, tensor } from '../../src/index.ts'
import {
  Autoencoder,
  adjustedRandIndex,
  assignmentLoss,
  type ClusterUpdate,
  clusteringAccuracy,
  DeepClustering,
  kMeans,
  normalizedMutualInformation,
  pretrainAutoencoder,
  softAssignment,
  targetDistribution,
  trainClusters,
} from '../../src/models/index.ts'
import type { StateDict } from '../../src/nn/index.ts'
import { Adam } from '../../src/optim/index.ts'
import { memoryStore } from '../../src/train/index.ts'
import { uniform } from '../golden/formula.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

/** Samples around corners of a cube in 6 dimensions, in turn. */
function blobs(samples: number, spread = 0.3): { data: Float32Array; classes: Int32Array; features: number } {
  const features = 6
  const noise = uniform(1, 2, samples * features)
  const corners = [
    [1, 1, 0, 0, 1, 0],
    [0, 1, 1, 1, 0, 0],
    [1, 0, 0, 1, 0, 1],
  ]
  const classes = Int32Array.from({ length: samples }, (_, i) => i % 3)
  const at = (i: number): number => corners[(Math.floor(i / features) % 3) as 0 | 1 | 2]?.[i % features] ?? 0
  return { data: Float32Array.from(noise, (e, i) => at(i) + spread * e), classes, features }
}

function datasetOf({ data, features }: { data: Float32Array; features: number }): ArrayDataset<'x'> {
  return new ArrayDataset({ x: { data, shape: [data.length / features, features] } })
}

describe('kMeans', () => {
  test('ends where no sample is nearer to another center and centers are means, with clusters that are there', async () => {
    manualSeed(3)
    const samples = blobs(600)
    const x = tensor(samples.data, { shape: [600, 6] })
    const { centers, labels, inertia } = await kMeans(x, { clusters: 3 })
    expect(clusteringAccuracy(labels, samples.classes)).toBe(1)
    const found = Array.from(await centers.data())
    const point = (i: number): number[] => Array.from(samples.data.subarray(6 * i, 6 * i + 6))
    const distance = (i: number, c: number): number =>
      point(i).reduce((sum, v, k) => sum + (v - (found[6 * c + k] as number)) ** 2, 0)
    let total = 0
    const sums = new Float64Array(18)
    for (let i = 0; i < 600; i++) {
      const all = [0, 1, 2].map((c) => distance(i, c))
      expect(all[labels[i] as number]).toBeCloseTo(Math.min(...all), 5)
      total += Math.min(...all)
      for (const [k, v] of point(i).entries())
        sums[6 * (labels[i] as number) + k] = (sums[6 * (labels[i] as number) + k] ?? 0) + v
    }
    expect(inertia).toBeCloseTo(total, 2)
    for (const [i, v] of found.entries()) expect(v).toBeCloseTo((sums[i] as number) / 200, 4)
  })

  test('the same seed gives the same bits', async () => {
    const x = tensor(blobs(120, 2).data, { shape: [120, 6] })
    const run = async (): Promise<number[]> => {
      manualSeed(8)
      return Array.from(await (await kMeans(x, { clusters: 5, restarts: 2 })).centers.data())
    }
    expect(await run()).toEqual(await run())
  })

  test('gives a cluster that lost its samples another: as many as there are distinct samples', async () => {
    const values = [0, 0, 0, 0, 0, 0, 0, 1, 5, 9]
    const x = tensor(Float32Array.from(values), { shape: [10, 1] })
    for (let seed = 0; seed < 3; seed++) {
      manualSeed(seed)
      const { inertia, labels } = await kMeans(x, { clusters: 4, restarts: 1 })
      expect(inertia).toBeCloseTo(0, 6)
      expect(new Set(labels).size).toBe(4)
    }
  })

  test('finds clusters that are small beside their distance from 0', async () => {
    const noise = uniform(4, 1, 400)
    const classes = Int32Array.from({ length: 200 }, (_, i) => i % 2)
    const data = Float32Array.from(noise, (v, i) => (i % 2 ? 39.9 : 116.3) + 0.02 * ((i >> 1) % 2) + 0.003 * v)
    manualSeed(1)
    const { labels, centers, inertia } = await kMeans(tensor(data, { shape: [200, 2] }), { clusters: 2 })
    expect(clusteringAccuracy(labels, classes)).toBe(1)
    const found = Array.from(await centers.data()).sort((a, b) => a - b)
    for (const [i, wanted] of [39.9, 39.92, 116.3, 116.32].entries()) expect(found[i]).toBeCloseTo(wanted, 2)
    let total = 0
    for (const c of [0, 1])
      for (const k of [0, 1]) {
        const own = Array.from(data).filter((_, i) => i % 2 === k && (i >> 1) % 2 === c)
        const middle = own.reduce((a, b) => a + b) / own.length
        total += own.reduce((sum, v) => sum + (v - middle) ** 2, 0)
      }
    expect(Math.abs(inertia - total) / total).toBeLessThan(0.01)
  })

  test('moves the centers no more often than it may', async () => {
    const x = tensor(blobs(300, 2).data, { shape: [300, 6] })
    const inertiaAfter = async (maxIterations: number): Promise<number> => {
      manualSeed(5)
      return (await kMeans(x, { clusters: 6, restarts: 1, maxIterations, tolerance: 0 })).inertia
    }
    const [one, two, nine] = [await inertiaAfter(1), await inertiaAfter(2), await inertiaAfter(9)]
    expect(two).toBeLessThan(one)
    expect(nine).toBeLessThan(two)
  })

  test('says what is wrong with its input', async () => {
    const few = tensor([1, 2], { shape: [2, 1] })
    await expect(kMeans(few, { clusters: 3 })).rejects.toThrow(
      'kMeans: 2 samples for 3 clusters; give at least as many samples as clusters',
    )
    await expect(kMeans(tensor([1, Number.NaN], { shape: [2, 1] }), { clusters: 1 })).rejects.toThrow(
      'kMeans: x holds NaN or infinite values; fill in what is missing, or leave these samples out',
    )
    await expect(kMeans(tensor([1, 2]), { clusters: 1 })).rejects.toThrow('kMeans: x is f32 [2]; it must be f32')
    await expect(kMeans(few, { clusters: 0 })).rejects.toThrow('kMeans: clusters is 0; it must be a whole number')
  })
})

describe('the formulas of the paper', () => {
  const [n, k, d] = [7, 3, 4]
  const z = uniform(5, 1, n * d)
  const mu = uniform(5, 2, k * d)

  function reference(alpha: number): { q: number[][]; p: number[][]; loss: number } {
    const near = Array.from({ length: n }, (_, i) =>
      Array.from({ length: k }, (_, j) => {
        let squares = 0
        for (let e = 0; e < d; e++) squares += ((z[i * d + e] ?? 0) - (mu[j * d + e] ?? 0)) ** 2
        return (1 + squares / alpha) ** (-(alpha + 1) / 2)
      }),
    )
    const toOne = (row: number[]): number[] => row.map((v) => v / row.reduce((a, b) => a + b, 0))
    const q = near.map(toOne)
    const sizes = Array.from({ length: k }, (_, j) => q.reduce((sum, row) => sum + (row[j] ?? 0), 0))
    const p = q.map((row) => toOne(row.map((v, j) => v ** 2 / (sizes[j] ?? 0))))
    const loss = p.flat().reduce((sum, v, i) => sum + v * Math.log(v / (q.flat()[i] ?? 0)), 0) / n
    return { q, p, loss }
  }

  test.each([1, 3])('assignments, targets and loss, with %d degrees of freedom', async (alpha) => {
    const want = reference(alpha)
    const q = softAssignment(tensor(z, { shape: [n, d] }), tensor(mu, { shape: [k, d] }), alpha)
    const p = targetDistribution(q)
    const close = (a: ArrayLike<number>, b: number[][]): void =>
      b.flat().forEach((v, i) => {
        expect(a[i]).toBeCloseTo(v, 5)
      })
    close(await q.data(), want.q)
    close(await p.data(), want.p)
    expect((await assignmentLoss(q, p).data())[0]).toBeCloseTo(want.loss, 6)
  })
})

describe('scores of clusterings', () => {
  test('do not depend on the names of clusters, and are 1 where all agree', () => {
    const classes = [0, 0, 1, 1, 2, 2]
    const renamed = [2, 2, 0, 0, 1, 1]
    for (const score of [clusteringAccuracy, normalizedMutualInformation, adjustedRandIndex])
      expect(score(renamed, classes)).toBeCloseTo(1, 12)
  })

  test('have the values that definitions give by hand', () => {
    // Clusters {0,1,2}, {3,4,5} against classes {0,1}, {2,3}, {4,5}.
    const labels = [0, 0, 0, 1, 1, 1]
    const classes = [0, 0, 1, 1, 2, 2]
    expect(clusteringAccuracy(labels, classes)).toBeCloseTo(4 / 6, 12)
    // Mutual information: 4 of 6 samples are in pure classes.
    const mutual = (4 / 6) * Math.log(2)
    expect(normalizedMutualInformation(labels, classes)).toBeCloseTo((2 * mutual) / (Math.log(2) + Math.log(3)), 12)
    // Pairs together in both: 2; in clusters 6, in classes 3, of 15.
    const expected = (6 * 3) / 15
    expect(adjustedRandIndex(labels, classes)).toBeCloseTo((2 - expected) / (4.5 - expected), 12)
  })

  test('take more clusters than classes, and one alone', () => {
    expect(clusteringAccuracy([0, 1, 2, 3], [0, 0, 1, 1])).toBe(0.5)
    expect(clusteringAccuracy([0, 0, 0, 0], [0, 0, 1, 1])).toBe(0.5)
    expect(normalizedMutualInformation([0, 0, 0], [0, 1, 2])).toBe(0)
    expect(normalizedMutualInformation([0, 0], [0, 0])).toBe(1)
    expect(() => clusteringAccuracy([0], [0, 1])).toThrow('clusteringAccuracy: 1 labels for 2 classes')
    expect(() => adjustedRandIndex([0, -1], [0, 1])).toThrow('adjustedRandIndex: labels hold -1; they must be')
  })
})

describe('trainClusters', () => {
  const samples = blobs(300, 0.6)
  const data = datasetOf(samples)

  /** Weights by the epochs that each layer was trained alone. */
  const learned = new Map<number, StateDict>()

  /** Each time the same model, from the same state of the generator. */
  async function pretrained(layerEpochs = 0): Promise<DeepClustering> {
    manualSeed(1)
    const autoencoder = new Autoencoder([6, 12, 3])
    const known = learned.get(layerEpochs)
    if (known) autoencoder.loadStateDict(known)
    else {
      await pretrainAutoencoder(autoencoder, data, {
        epochs: 20,
        layerEpochs,
        batchSize: 50,
        optimizer: (parameters) => new Adam(parameters, { lr: 1e-2 }),
      })
      learned.set(layerEpochs, await autoencoder.stateDict())
    }
    manualSeed(1)
    return new DeepClustering(autoencoder, 3)
  }

  test.each([
    ['the paper', {}, 0],
    ['the paper, layers trained alone first', {}, 4],
    ['IDEC', { gamma: 0.1 }, 0],
  ])('finds clusters, sharpens them and comes to rest: %s', async (_, options, layerEpochs) => {
    const model = await pretrained(layerEpochs)
    const updates: ClusterUpdate[] = []
    const result = await trainClusters(model, data, {
      batchSize: 50,
      interval: 30,
      maxSteps: 600,
      restarts: 4,
      onUpdate: (update) => {
        updates.push(update)
      },
      ...options,
    })
    expect(result.reason).toBe('tolerance')
    expect(clusteringAccuracy(result.labels, samples.classes)).toBeGreaterThan(0.97)
    const sureness = ({ assignments }: ClusterUpdate): number =>
      assignments.reduce((sum, q) => sum + q * q, 0) / samples.classes.length
    expect(sureness(updates.at(-1) as ClusterUpdate)).toBeGreaterThan(sureness(updates[0] as ClusterUpdate))
    expect(updates[0]).toMatchObject({ step: 0, changed: null, loss: null })
    expect(updates.at(-1)?.changed).toBeLessThan(0.001)
  })

  test('goes on from a checkpoint with the same bits', async () => {
    const run = async (stops: readonly number[]): Promise<number[]> => {
      const store = memoryStore()
      let model = await pretrained()
      for (const maxSteps of stops) {
        if (maxSteps !== stops[0]) model = new DeepClustering(new Autoencoder([6, 12, 3]), 3)
        const options = { batchSize: 64, interval: 10, restarts: 2, tolerance: 0, checkpoint: { store } }
        expect(await trainClusters(model, data, { ...options, maxSteps })).toMatchObject({ steps: maxSteps })
      }
      return [...(await model.centers.data())]
    }
    expect(await run([20, 40])).toEqual(await run([40]))
  })

  test('that came to rest stays there when it is asked to go on, and its callbacks hear of each step once', async () => {
    const store = memoryStore()
    const steps: number[] = []
    const updates: ClusterUpdate[] = []
    const run = async (maxSteps: number) => {
      const model = await pretrained()
      const result = await trainClusters(model, data, {
        ...{ batchSize: 50, interval: 30, restarts: 4, maxSteps, checkpoint: { store } },
        callbacks: [
          {
            onStep: ({ step, epoch, loss }) => {
              steps.push(step)
              expect(epoch).toBe(Math.ceil(step / 30))
              expect(loss).toBeGreaterThan(0)
            },
          },
        ],
        onUpdate: (update) => void updates.push(update),
      })
      return { ...result, centers: [...(await model.centers.data())] }
    }
    await run(30)
    const rested = await run(600)
    expect(rested.reason).toBe('tolerance')
    const count = updates.length
    expect(await run(900)).toEqual(rested)
    expect(updates).toHaveLength(count + 1)
    expect(steps).toEqual(Array.from({ length: rested.steps }, (_, i) => i + 1))
    expect(updates.at(-1)?.changed).toBe(updates.at(-2)?.changed)
    for (const { firstLabels } of updates) expect(firstLabels).toEqual(updates[0]?.labels)
  })

  test('stops at a signal, and refuses what it cannot cluster', async () => {
    const model = await pretrained()
    const control = new AbortController()
    const stopped = await trainClusters(model, data, {
      restarts: 1,
      onUpdate: () => control.abort(),
      signal: control.signal,
    })
    expect(stopped).toMatchObject({ reason: 'aborted', steps: 0 })
    await expect(trainClusters(model, data.slice(0, 2))).rejects.toThrow(
      'trainClusters: 2 samples for 3 clusters; give at least as many samples as clusters, or fewer clusters',
    )
    const holed = Float32Array.from(samples.data)
    holed[7] = Number.NaN
    await expect(trainClusters(model, datasetOf({ data: holed, features: 6 }))).rejects.toThrow(
      'embed: samples 0 to 299 hold NaN or infinite values; fill them in, or leave the samples out',
    )
    expect(() => new DeepClustering(model.autoencoder, 1)).toThrow('DeepClustering: clusters is 1; it must be')
    expect(() => new Autoencoder([6])).toThrow('Autoencoder: widths are [6]; give whole numbers above 0')
    expect(() => model.forward(tensor(new Float32Array(10), { shape: [2, 5] }))).toThrow(
      'Autoencoder: a sample is [5]; it must have 6 elements',
    )
  })
})
