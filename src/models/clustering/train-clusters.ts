import type { Dataset } from '../../data/dataset.ts'
import { fail } from '../../errors.ts'
import { tensor } from '../../graph/tensor.ts'
import type { Parameter } from '../../nn/parameter.ts'
import type { AnyOptimizer } from '../../optim/state.ts'
import type { Callback } from '../../train/callbacks.ts'
import type { FitOptimizer } from '../../train/fit.ts'
import type { CheckpointOptions } from '../../train/saver.ts'
import { ClusterLoop } from './cluster-loop.ts'
import type { DeepClustering } from './dec.ts'
import { type Embedding, embed } from './embed.ts'
import { kMeans } from './k-means.ts'

/** Where a clustering stands, each time that its targets are made anew. */
export interface ClusterUpdate extends Embedding {
  readonly step: number
  /** The cluster of each sample. */
  readonly labels: Int32Array
  /** That at step 0, which k-means found. */
  readonly firstLabels: Int32Array
  /** Share of samples in another cluster than at the update before; null at step 0. */
  readonly changed: number | null
  /** Loss of the step before; null where this call has taken none. */
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
  /** Told of each step, and of an epoch at each update after the first. */
  readonly callbacks?: readonly Callback[]
  /** Told at each update; the training waits for what it returns. */
  readonly onUpdate?: (update: ClusterUpdate) => void | Promise<void>
  /** Stops at the step at hand. */
  readonly signal?: AbortSignal
}

/** What {@link trainClusters} ends with. */
export interface ClusterResult {
  readonly labels: Int32Array
  readonly steps: number
  /** Whether the clusters came to rest, the steps were used up, a callback stopped it, or the signal came. */
  readonly reason: 'tolerance' | 'steps' | 'stopped' | 'aborted'
}

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
  check(model, data, options)
  const loop = new ClusterLoop(model, data, options)
  try {
    if (!(await loop.resume())) await placeCenters(model, data, options.restarts)
    return await loop.run()
  } finally {
    await loop.close()
  }
}

/** Sets the centers to where k-means finds them among the codes of all samples. */
export async function placeCenters(model: DeepClustering, data: Dataset<'x'>, restarts = 20): Promise<void> {
  const { codes, width } = await embed(model, data)
  const clusters = model.centers.shape[0] as number
  const { centers } = await kMeans(tensor(codes, { shape: [data.length, width] }), { clusters, restarts })
  model.centers.set(await centers.data())
}

function check(model: DeepClustering, data: Dataset<'x'>, options: ClusterOptions): void {
  const { batchSize = 1, interval = 1, maxSteps = 1, tolerance = 0 } = options
  for (const [name, value] of Object.entries({ batchSize, interval, maxSteps }))
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
