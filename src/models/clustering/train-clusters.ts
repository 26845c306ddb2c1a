import type { Dataset, HostArray } from '../../data/dataset.ts'
import { DataLoader } from '../../data/loader.ts'
import { fail } from '../../errors.ts'
import { compile } from '../../graph/compile.ts'
import { type Tensor, tensor } from '../../graph/tensor.ts'
import type { Parameter } from '../../nn/parameter.ts'
import { add, mul } from '../../ops/arithmetic.ts'
import { SGD } from '../../optim/sgd.ts'
import type { AnyOptimizer } from '../../optim/state.ts'
import { loadCheckpoint, saveCheckpoint } from '../../train/checkpoint.ts'
import type { FitOptimizer } from '../../train/fit.ts'
import type { CheckpointOptions } from '../../train/saver.ts'
import { assignmentLoss, type DeepClustering, targetDistribution } from './dec.ts'
import { type Embedding, embed } from './embed.ts'
import { kMeans } from './k-means.ts'
import { reconstructionLoss } from './pretrain.ts'

/** Where a clustering stands, each time that its targets are made anew. */
export interface ClusterUpdate extends Embedding {
  readonly step: number
  /** The cluster of each sample. */
  readonly labels: Int32Array
  /** Share of samples in another cluster than at the update before; null at the first. */
  readonly changed: number | null
  /** Loss of the step before; null at the first. */
  readonly loss: number | null
}

/** Options of {@link trainClusters}. */
export interface ClusterOptions {
  /** Samples in a batch; 256 unless given. */
  readonly batchSize?: number
  /** Steps from one update of the targets to the next; 140 unless given. */
  readonly interval?: number
  /** The most steps; 20,000 unless given. */
  readonly maxSteps?: number
  /** Stops when at an update fewer samples than this share have changed their cluster; 0.001 unless given, as in the paper. */
  readonly tolerance?: number
  /**
   * Weight of the clustering beside the reconstruction, which then trains along (IDEC, Guo et al. 2017, which takes
   * 0.1); clustering alone unless given.
   */
  readonly gamma?: number
  /** Makes the optimizer; SGD with a learning rate of 0.01 and a momentum of 0.9 unless given. */
  readonly optimizer?: (parameters: readonly Parameter[]) => AnyOptimizer & FitOptimizer
  /** Starts of k-means, which finds the first centers; 20 unless given. */
  readonly restarts?: number
  /** Decides the order of the samples; 0 unless given. */
  readonly seed?: number
  /** Keeps the training at updates, and goes on from the newest; `every` does not count. */
  readonly checkpoint?: Omit<CheckpointOptions, 'every'>
  /** Told at each update; the training waits for what it returns. */
  readonly onUpdate?: (update: ClusterUpdate) => void | Promise<void>
  /** Stops at the step at hand. */
  readonly signal?: AbortSignal
}

/** What {@link trainClusters} ends with. */
export interface ClusterResult {
  readonly labels: Int32Array
  readonly steps: number
  /** Whether the clusters came to rest, the steps were used up, or the signal came. */
  readonly reason: 'tolerance' | 'steps' | 'aborted'
}

const defaultOptimizer: NonNullable<ClusterOptions['optimizer']> = (parameters) =>
  new SGD(parameters, { lr: 0.01, momentum: 0.9 })

/**
 * Trains codes and centers together, from an autoencoder that can reproduce the data: centers begin where k-means finds them among the
 * codes, and assignments are drawn towards their own sharpened selves (Xie et al. 2016, section 3.1), which are made anew from all
 * samples every `interval` steps.
 *
 * @param data Samples under `x`, [N, ...]; as many as clusters at least, without NaN.
 */
export async function trainClusters(
  model: DeepClustering,
  data: Dataset<'x'>,
  options: ClusterOptions = {},
): Promise<ClusterResult> {
  const { batchSize = 256, interval = 140, maxSteps = 20_000, tolerance = 0.001, seed = 0 } = options
  check(model, data, { batchSize, interval, maxSteps, tolerance })
  const targets = new Targets(data, model.centers.shape[0] as number)
  const dropLast = data.length >= batchSize
  const loader = new DataLoader(targets, { batchSize, shuffle: true, seed, dropLast })
  const trained = options.gamma === undefined ? clusterParameters(model) : model.parameters()
  const optimizer = (options.optimizer ?? defaultOptimizer)(trained)
  const training = { model, optimizer, loader }
  const { checkpoint, signal } = options
  const name = checkpoint?.name ?? 'clusters'

  const resumed =
    checkpoint && checkpoint.resume !== false
      ? await loadCheckpoint(checkpoint.store, name, training, checkpoint)
      : null
  if (!resumed) await placeCenters(model, data, options.restarts)
  const step = compile((x: Tensor, p: Tensor) => {
    const loss = lossOf(model, { x, p, gamma: options.gamma })
    optimizer.minimize(loss)
    return { loss }
  })
  const batches = endless(loader)
  let done = resumed?.step ?? 0
  let labels = resumed ? Int32Array.from(resumed.extra as number[]) : null
  let loss: Tensor | null = null
  try {
    for (;;) {
      const embedding = await embed(model, data)
      const next = nearest(embedding)
      const changed = labels && shareOfChanges(labels, next)
      labels = next
      // Kept before the targets are made, which follow from the weights.
      if (checkpoint)
        await saveCheckpoint(checkpoint.store, name, training, { step: done, extra: Array.from(labels) }, checkpoint)
      await options.onUpdate?.({
        ...embedding,
        step: done,
        labels,
        changed,
        loss: loss && ((await loss.data())[0] as number),
      })
      // What a training goes on from has been compared with before.
      if (changed !== null && changed < tolerance && done > (resumed?.step ?? 0))
        return { labels, steps: done, reason: 'tolerance' }
      if (done >= maxSteps) return { labels, steps: done, reason: 'steps' }
      await targets.update(embedding)
      for (const end = Math.min(maxSteps, done + interval); done < end; done++) {
        if (signal?.aborted) return { labels, steps: done, reason: 'aborted' }
        const { value } = await batches.next()
        if (value) loss = step(value.x, value.p).loss
      }
    }
  } finally {
    await batches.return()
    step.release()
  }
}

/** Sets the centers to where k-means finds them among the codes of all samples. */
export async function placeCenters(model: DeepClustering, data: Dataset<'x'>, restarts = 20): Promise<void> {
  const { codes, width } = await embed(model, data)
  const clusters = model.centers.shape[0] as number
  const { centers } = await kMeans(tensor(codes, { shape: [data.length, width] }), { clusters, restarts })
  model.centers.set(await centers.data())
}

function check(
  model: DeepClustering,
  data: Dataset<'x'>,
  options: Record<'batchSize' | 'interval' | 'maxSteps' | 'tolerance', number>,
): void {
  const { tolerance, ...counts } = options
  for (const [name, value] of Object.entries(counts))
    if (!Number.isInteger(value) || value < 1)
      fail('trainClusters', `${name} is ${value}`, 'it must be a whole number of at least 1')
  if (!(tolerance >= 0 && tolerance <= 1)) fail('trainClusters', `tolerance is ${tolerance}`, 'it must be from 0 to 1')
  const [clusters = 0] = model.centers.shape
  if (data.length < clusters)
    fail(
      'trainClusters',
      `${data.length} samples for ${clusters} clusters`,
      'give at least as many samples as clusters, or fewer clusters',
    )
}

/** The decoder has no part in assignments. */
function clusterParameters(model: DeepClustering): Parameter[] {
  return [...model.autoencoder.encoder.parameters(), model.centers]
}

function lossOf(
  model: DeepClustering,
  { x, p, gamma }: { readonly x: Tensor; readonly p: Tensor; readonly gamma: number | undefined },
): Tensor {
  const clustering = assignmentLoss(model.forward(x), p)
  return gamma === undefined ? clustering : add(reconstructionLoss(model.autoencoder, x), mul(clustering, gamma))
}

/** Samples with what their assignments should become. */
class Targets implements Dataset<'x' | 'p'> {
  readonly length: number
  private readonly data: Dataset<'x'>
  private readonly clusters: number
  private rows: Float32Array

  constructor(data: Dataset<'x'>, clusters: number) {
    this.data = data
    this.length = data.length
    this.clusters = clusters
    this.rows = new Float32Array(data.length * clusters)
  }

  /** Makes the targets anew. */
  async update({ assignments }: Embedding): Promise<void> {
    const q = tensor(assignments, { shape: [this.length, this.clusters] })
    this.rows = (await targetDistribution(q).data()) as Float32Array
  }

  async batch(indices: Uint32Array, signal?: AbortSignal): Promise<Record<'x' | 'p', HostArray>> {
    const { clusters, rows } = this
    const data = new Float32Array(indices.length * clusters)
    indices.forEach((row, i) => {
      data.set(rows.subarray(row * clusters, (row + 1) * clusters), i * clusters)
    })
    const { x } = await this.data.batch(indices, signal)
    return { x, p: { data, shape: [indices.length, clusters], dtype: 'f32' } }
  }
}

/** The batches of one epoch after another. */
async function* endless<T>(epochs: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  for (;;) yield* epochs
}

/** The cluster to which each sample belongs most. */
function nearest({ assignments, clusters }: Embedding): Int32Array<ArrayBuffer> {
  return Int32Array.from({ length: assignments.length / clusters }, (_, i) => {
    const row = assignments.subarray(i * clusters, (i + 1) * clusters)
    return row.indexOf(Math.max(...row))
  })
}

function shareOfChanges(before: Int32Array, after: Int32Array): number {
  return after.reduce((sum, label, i) => sum + (label === before[i] ? 0 : 1), 0) / after.length
}
