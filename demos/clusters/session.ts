import { manualSeed } from 'wgrad'
import { writeSafetensors } from 'wgrad/io'
import {
  Autoencoder,
  type ClusterUpdate,
  clusteringAccuracy,
  DeepClustering,
  embed,
  pretrainAutoencoder,
  trainClusters,
} from 'wgrad/models'
import type { StateDict } from 'wgrad/nn'
import { type Callback, latestCheckpoint } from 'wgrad/train'
import { Curve, type CurveState } from '../common/curve.ts'
import type { Standing } from '../common/protocol.ts'
import type { TrainerPlace, TrainerSession } from '../common/trainer-worker.ts'
import { Projection } from './projection.ts'
import type { Events, Settings } from './protocol.ts'
import type { Samples } from './samples.ts'

/** Names of the checkpoints in the store. */
const names = { autoencoder: 'autoencoder', clusters: 'clusters' }

/** Steps between two updates of the targets, which are also the checkpoints of the clusters. */
const interval = 20

/** Steps between two checkpoints of the autoencoder. */
const checkpointEvery = 50

/** Examples of a cluster that are shown. */
const shownExamples = 8

const batchSize = 128

/** Whom a session tells how it goes. */
export interface SessionListener {
  /** Tells what is trained on. */
  announce(): void
  progress(what: string, share: number | null): void
  pretrained(event: Events['pretrained']): void
  placed(event: Events['placed']): void
}

/** Where a training lives. */
export interface SessionPlace extends TrainerPlace {
  readonly samples: Samples
  /** Keeps what the training needs beside its checkpoints. */
  readonly keep: () => Promise<void>
  readonly listener: SessionListener
}

/** One training: an autoencoder that learns to reproduce samples, then the clusters among its codes. Its goal is in steps of the latter. */
export class Session implements TrainerSession<Settings> {
  readonly settings: Settings
  readonly #place: SessionPlace
  readonly #model: DeepClustering
  readonly #losses = new Curve()
  readonly #projection = new Projection()
  /** Where the samples were last. */
  #placed: Events['placed'] | null = null
  #pretrained = 0
  #clustered = 0

  /** A network with fresh weights; the same settings give the same ones. */
  constructor(settings: Settings, place: SessionPlace) {
    this.settings = settings
    this.#place = place
    manualSeed(1, place.device)
    const widths = settings.widths.split(',').map(Number)
    this.#model = new DeepClustering(new Autoencoder([place.samples.features, ...widths]), settings.clusters)
  }

  announce(): void {
    this.#place.listener.announce()
    this.#tellLosses()
    if (this.#placed) this.#place.listener.placed(this.#placed)
  }

  async keep(): Promise<void> {
    await this.#place.keep()
  }

  get standing(): Standing {
    return { step: this.#pretrained + this.#clustered, done: this.#clustered }
  }

  loadWeights(weights: StateDict): void {
    this.#model.loadStateDict(weights)
  }

  async prepare(): Promise<void> {
    this.#place.listener.progress('Placing the samples', null)
  }

  async restore(): Promise<void> {
    const { store } = this.#place
    const stopped = AbortSignal.abort()
    await this.#pretrain(stopped)
    // Without clusters there is nothing to go on with, and finding some is not for now.
    if (await latestCheckpoint(store, names.clusters)) await this.#cluster(Number.MAX_SAFE_INTEGER, stopped)
    else await this.#show()
  }

  async train(goal: number, signal: AbortSignal): Promise<void> {
    if (this.#clustered === 0) await this.#pretrain(signal)
    if (!signal.aborted) await this.#cluster(goal, signal)
  }

  async weights(): Promise<Uint8Array<ArrayBuffer>> {
    const { widths, clusters } = this.settings
    return writeSafetensors(await this.#model.stateDict(), { metadata: { widths, clusters: String(clusters) } })
  }

  close(): void {
    // Plans live as long as the calls that make them.
  }

  async #pretrain(signal: AbortSignal): Promise<void> {
    const { store, samples } = this.#place
    await pretrainAutoencoder(this.#model.autoencoder, samples.data, {
      epochs: this.settings.epochs,
      batchSize,
      seed: 1,
      training: () => ({
        signal,
        callbacks: [this.#watcher()],
        checkpoint: { store, name: names.autoencoder, every: checkpointEvery },
      }),
    })
  }

  async #cluster(goal: number, signal: AbortSignal): Promise<void> {
    const { store, samples, listener } = this.#place
    listener.progress('Finding first centers', null)
    const { steps } = await trainClusters(this.#model, samples.data, {
      batchSize,
      interval,
      maxSteps: goal,
      // It goes on for as long as one wants to watch.
      tolerance: 0,
      restarts: 4,
      seed: 1,
      checkpoint: { store, name: names.clusters },
      signal,
      onUpdate: (update) => this.#tell(update),
    })
    // Steps after the last update are taken again, as they were, when it goes on.
    this.#clustered = steps - (steps < goal ? steps % interval : 0)
  }

  /** Shows where the samples are before there are clusters. */
  async #show(): Promise<void> {
    const { codes, width } = await embed(this.#model, this.#place.samples.data)
    const points = this.#projection.place(codes, width)
    const nothing = { labels: null, examples: [], sizes: [], changed: null, accuracy: null }
    this.#tellPlaced({ step: this.standing.step, points: this.#shown(points, 2), ...nothing })
  }

  /** The rows of the samples that are shown. */
  #shown<T extends Float32Array<ArrayBuffer> | Int32Array>(rows: T, width: number): T {
    const { every } = this.#place.samples
    return rows.filter((_, i) => Math.floor(i / width) % every === 0) as T
  }

  #tellPlaced(placed: Events['placed']): void {
    this.#placed = placed
    this.#place.listener.placed(placed)
  }

  /** Tells the curve of losses again, where there is one. */
  #tellLosses(): void {
    const { x, y } = this.#losses.points()
    if (y.length > 0) this.#place.listener.pretrained({ step: this.#pretrained, loss: y.at(-1) as number, x, y })
  }

  #tell({ step, codes, width, labels, assignments, clusters, changed }: ClusterUpdate): void {
    const { samples } = this.#place
    this.#clustered = step
    const belongs = (sample: number, cluster: number): number => assignments[sample * clusters + cluster] as number
    const { every } = samples
    const shown = Int32Array.from(this.#shown(labels, 1))
    const examples = Array.from({ length: clusters }, (_, cluster) =>
      Array.from(shown.keys())
        .filter((at) => shown[at] === cluster)
        .sort((a, b) => belongs(b * every, cluster) - belongs(a * every, cluster))
        .slice(0, shownExamples),
    )
    const sizes = examples.map(() => 0)
    for (const label of labels) sizes[label] = (sizes[label] ?? 0) + 1
    this.#tellPlaced({
      step: this.standing.step,
      points: this.#shown(this.#projection.place(codes, width), 2),
      labels: shown,
      examples,
      sizes,
      changed,
      accuracy: samples.classes && clusteringAccuracy(labels, samples.classes),
    })
  }

  /** Keeps the curve of losses, and shows the samples after each epoch. */
  #watcher(): Callback {
    return {
      name: 'curve',
      onFitStart: ({ step }) => {
        this.#pretrained = step
      },
      onPrepare: (done, total) => this.#place.listener.progress('Compiling shaders', done / total),
      onStep: ({ step, loss }) => {
        this.#pretrained = step
        this.#losses.add(loss)
        this.#place.listener.pretrained({ step, loss, ...this.#losses.points() })
      },
      onEpochEnd: () => this.#show(),
      state: () => ({ ...this.#losses.state() }),
      restore: (state) => {
        this.#losses.restore(state as unknown as CurveState)
        this.#tellLosses()
      },
    }
  }
}
