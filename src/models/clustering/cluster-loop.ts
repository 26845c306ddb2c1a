import type { Dataset } from '../../data/dataset.ts'
import { DataLoader } from '../../data/loader.ts'
import { type Compiled, compile } from '../../graph/compile.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { Parameter } from '../../nn/parameter.ts'
import { add, mul } from '../../ops/arithmetic.ts'
import { SGD } from '../../optim/sgd.ts'
import type { AnyOptimizer } from '../../optim/state.ts'
import type { FitEnd, FitRun } from '../../train/callbacks.ts'
import { loadCheckpoint, saveCheckpoint } from '../../train/checkpoint.ts'
import type { FitOptimizer } from '../../train/fit.ts'
import { LateReader } from '../../train/late-reader.ts'
import { Recorder, type RecorderState } from '../../train/recorder.ts'
import { assignmentLoss, type DeepClustering } from './dec.ts'
import { type Embedding, embed } from './embed.ts'
import { reconstructionLoss } from './pretrain.ts'
import { Targets } from './targets.ts'
import type { ClusterOptions, ClusterResult } from './train-clusters.ts'

/** How far the host may be ahead of the losses. */
const lossDepth = 32

/** Where the clusters stand at an update. */
interface Standing {
  readonly labels: Int32Array<ArrayBuffer>
  /** Those of step 0. */
  readonly firstLabels: Int32Array<ArrayBuffer>
  readonly changed: number | null
}

/** Kept in checkpoints beside the weights. */
interface Kept {
  readonly labels: readonly number[]
  readonly firstLabels: readonly number[]
  readonly changed: number | null
  readonly recorder: RecorderState
}

type Batch = Record<'x' | 'p', Tensor>

/** The loop of `trainClusters`. An epoch, to its callbacks, are the steps from one update to the next. */
export class ClusterLoop implements FitRun {
  readonly model: DeepClustering
  step = 0
  readonly totalSteps: number
  private readonly data: Dataset<'x'>
  private readonly options: ClusterOptions
  private readonly interval: number
  private readonly targets: Targets
  private readonly loader: DataLoader<'x' | 'p'>
  private readonly optimizer: AnyOptimizer & FitOptimizer
  private readonly train: Compiled<[Tensor, Tensor], { loss: Tensor }>
  private readonly recorder: Recorder
  private readonly batches: AsyncGenerator<Batch, void, undefined>
  private standing: Standing | null = null
  private reason: string | null = null

  constructor(model: DeepClustering, data: Dataset<'x'>, options: ClusterOptions) {
    const { batchSize = 256, interval = 140, maxSteps = 20_000, seed = 0, gamma, callbacks = [] } = options
    this.model = model
    this.data = data
    this.options = options
    this.interval = interval
    this.totalSteps = maxSteps
    this.targets = new Targets(data, model.centers.shape[0] as number)
    const dropLast = data.length >= batchSize
    this.loader = new DataLoader(this.targets, { batchSize, shuffle: true, seed, dropLast })
    this.batches = endless(this.loader)
    const trained = gamma === undefined ? clusterParameters(model) : model.parameters()
    this.optimizer = options.optimizer?.(trained) ?? new SGD(trained, { lr: 0.01, momentum: 0.9 })
    this.recorder = new Recorder(this, { callbacks })
    this.train = compile(
      (x: Tensor, p: Tensor) => {
        const loss = lossOf(model, { x, p, gamma })
        this.optimizer.minimize(loss)
        return { loss }
      },
      { ring: lossDepth },
    )
  }

  get epoch(): number {
    return Math.max(1, Math.ceil(this.step / this.interval))
  }

  get totalEpochs(): number {
    return Math.ceil(this.totalSteps / this.interval)
  }

  get checkpoint(): FitRun['checkpoint'] {
    const { checkpoint } = this.options
    return checkpoint ? { store: checkpoint.store, name: checkpoint.name ?? 'clusters' } : null
  }

  stop(reason: string): void {
    this.reason ??= reason
  }

  /** Goes on from the newest checkpoint; false where there is none. */
  async resume(): Promise<boolean> {
    const { options, checkpoint } = this
    if (!checkpoint || options.checkpoint?.resume === false) return false
    const resumed = await loadCheckpoint(checkpoint.store, checkpoint.name, this.trained, options.checkpoint)
    if (!resumed) return false
    const { labels, firstLabels, changed, recorder } = resumed.extra as unknown as Kept
    this.step = resumed.step
    this.standing = { labels: Int32Array.from(labels), firstLabels: Int32Array.from(firstLabels), changed }
    this.recorder.restore(recorder)
    return true
  }

  /** Trains to the end and tells the callbacks. */
  async run(): Promise<ClusterResult> {
    let end: FitEnd = { outcome: 'failed' }
    try {
      for (const callback of this.recorder.callbacks) await callback.onFitStart?.(this)
      const result = await this.loop()
      const isWhole = result.reason === 'tolerance' || result.reason === 'steps'
      end = { outcome: isWhole ? 'finished' : (result.reason as 'stopped' | 'aborted') }
      return result
    } catch (error) {
      end = { outcome: 'failed', error }
      throw error
    } finally {
      for (const callback of this.recorder.callbacks) await callback.onFitEnd?.(end, this)
    }
  }

  /** Gives back what it holds. */
  async close(): Promise<void> {
    await this.batches.return()
    this.train.release()
  }

  private async loop(): Promise<ClusterResult> {
    const { tolerance = 0.001, signal } = this.options
    for (;;) {
      const embedding = await embed(this.model, this.data)
      const { labels, changed } = await this.update(embedding)
      const ends = (reason: ClusterResult['reason']): ClusterResult => ({ labels, steps: this.step, reason })
      if (changed !== null && changed < tolerance) return ends('tolerance')
      if (this.step >= this.totalSteps) return ends('steps')
      await this.targets.update(embedding)
      await this.takeSteps(Math.min(this.totalSteps, this.step + this.interval))
      if (signal?.aborted) return ends('aborted')
      if (this.reason !== null) return ends('stopped')
    }
  }

  /** Finds out where the clusters stand, keeps that and tells it. */
  private async update(embedding: Embedding): Promise<Standing> {
    const { options, checkpoint, recorder, step } = this
    const labels = nearest(embedding)
    const before = this.standing
    const isNew = before === null || recorder.steps.length > 0
    // What a training goes on from was compared with what came before it when it was kept.
    const changed = isNew ? before && shareOfChanges(before.labels, labels) : before.changed
    this.standing = { labels, firstLabels: before?.firstLabels ?? labels, changed }
    if (isNew && changed !== null) {
      const log = recorder.close(this.optimizer.lr, { changed })
      for (const callback of recorder.callbacks) await callback.onEpochEnd?.(log, this)
    }
    if (checkpoint) {
      const { firstLabels } = this.standing
      const extra = {
        ...{ labels: Array.from(labels), firstLabels: Array.from(firstLabels), changed },
        recorder: recorder.state(),
      }
      // Kept before the targets are made, which follow from the weights.
      await saveCheckpoint(checkpoint.store, checkpoint.name, this.trained, { step, extra }, options.checkpoint)
    }
    await options.onUpdate?.({ ...embedding, ...this.standing, step, loss: recorder.steps.at(-1)?.loss ?? null })
    return this.standing
  }

  /** Trains up to a step, unless it is told to stop before. */
  private async takeSteps(end: number): Promise<void> {
    const reader = new LateReader(lossDepth)
    while (this.step < end && this.reason === null && !this.options.signal?.aborted) {
      const { value } = await this.batches.next()
      if (!value) break
      await reader.room()
      this.step++
      const at = { step: this.step, epoch: this.epoch, lr: this.optimizer.lr }
      reader.add([this.train(value.x, value.p).loss], ([loss]) => {
        this.recorder.note({ ...at, loss: loss?.[0] as number }, value.x.shape[0] as number)
      })
    }
    await reader.drain()
  }

  private get trained() {
    const { model, optimizer, loader } = this
    return { model, optimizer, loader }
  }
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
