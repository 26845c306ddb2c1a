import { manualSeed, type Tensor } from 'wgrad'
import { DataLoader } from 'wgrad/data'
import { writeSafetensors } from 'wgrad/io'
import { Forecaster, pinballLoss } from 'wgrad/models'
import type { StateDict } from 'wgrad/nn'
import { Adam, clipNorm } from 'wgrad/optim'
import { fit } from 'wgrad/train'
import type { Standing } from '../common/protocol.ts'
import { StepWatcher } from '../common/step-watcher.ts'
import type { TrainerPlace, TrainerSession } from '../common/trainer-worker.ts'
import { Outlook } from './outlook.ts'
import type { Events, Settings } from './protocol.ts'
import type { Found } from './series.ts'

/** The levels that are forecast. */
const quantiles = [0.1, 0.5, 0.9]

/** Steps between two checkpoints: what a reload may have to take again. */
const checkpointEvery = 50

/** Whom a session tells how it goes. */
export interface SessionListener {
  /** Tells what is trained on. */
  announce(): void
  progress(what: string, share: number | null): void
  steps(event: Events['steps']): void
  forecast(event: Events['forecast']): void
}

/** Where a training lives. */
export interface SessionPlace extends TrainerPlace {
  readonly found: Found
  /** Keeps what the training needs beside its checkpoints. */
  readonly keep: () => Promise<void>
  readonly listener: SessionListener
}

/** One training: a forecaster, its series, and how far it is. */
export class Session implements TrainerSession<Settings> {
  readonly settings: Settings
  readonly #place: SessionPlace
  readonly #outlook: Outlook
  readonly #model: Forecaster
  readonly #optimizer: Adam
  readonly #loader: DataLoader<'x' | 'y' | 'present'>
  readonly #watcher: StepWatcher
  /** What it forecast last. */
  #forecast: Events['forecast'] | null = null

  /** A network with fresh weights; the same settings give the same ones. */
  constructor(settings: Settings, place: SessionPlace) {
    const { window, horizon, cell, hidden, learningRate } = settings
    this.settings = settings
    this.#place = place
    this.#outlook = new Outlook(place.found.series, settings)
    const { data } = this.#outlook
    manualSeed(1, place.device)
    this.#model = new Forecaster({
      ...{ inputSize: data.names.length, targets: data.targets, window, horizon, cell, hiddenSize: hidden, quantiles },
      residual: 'last',
    })
    this.#optimizer = new Adam(this.#model.parameters(), { lr: learningRate })
    this.#optimizer.clip = clipNorm(1)
    this.#loader = new DataLoader(data.train, { batchSize: 64, shuffle: true, seed: 1, dropLast: true })
    const { progress, steps } = place.listener
    this.#watcher = new StepWatcher(this.#loader.length, { progress, steps, measured: () => undefined })
  }

  announce(): void {
    const { listener } = this.#place
    listener.announce()
    this.#watcher.tellAll()
    if (this.#forecast) listener.forecast(this.#forecast)
  }

  async keep(): Promise<void> {
    await this.#place.keep()
  }

  get standing(): Standing {
    const { step } = this.#watcher
    return { step, done: Math.floor(step / this.#loader.length) }
  }

  loadWeights(weights: StateDict): void {
    this.#model.loadStateDict(weights)
  }

  async restore(): Promise<void> {
    // A fit that is told to stop before its first step only takes up the checkpoint.
    await this.train(this.standing.done + 1, AbortSignal.abort())
    this.#place.listener.progress('Forecasting', null)
    await this.#show()
  }

  async train(epochs: number, signal: AbortSignal): Promise<void> {
    await fit(this.#model, this.#loader, {
      epochs,
      signal,
      optimizer: this.#optimizer,
      loss: (output: Tensor, { y, present }) => pinballLoss(output, y, present, quantiles),
      callbacks: [this.#watcher, { onEpochEnd: () => this.#show() }],
      checkpoint: { store: this.#place.store, name: 'forecast', every: checkpointEvery },
    })
  }

  async weights(): Promise<Uint8Array<ArrayBuffer>> {
    const { cell, window, horizon, hidden } = this.settings
    const shape = Object.entries({ window, horizon, hidden }).map(([name, value]) => [name, String(value)])
    return writeSafetensors(await this.#model.stateDict(), { metadata: { cell, ...Object.fromEntries(shape) } })
  }

  close(): void {
    // Plans live as long as the calls that make them.
  }

  /** Draws what the network forecasts by now. */
  async #show(): Promise<void> {
    this.#forecast = await this.#outlook.of(this.#model)
    this.#place.listener.forecast(this.#forecast)
  }
}
