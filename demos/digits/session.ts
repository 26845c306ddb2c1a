import { type Compiled, compile, crossEntropy, manualSeed, noGrad, softmax, spec, type Tensor, tensor } from 'wgrad'
import { DataLoader } from 'wgrad/data'
import { writeSafetensors } from 'wgrad/io'
import type { Sequential, StateDict } from 'wgrad/nn'
import { AdamW } from 'wgrad/optim'
import { evaluate, type FitOptions, fit } from 'wgrad/train'
import type { Digits } from '../common/find-digits.ts'
import type { Standing } from '../common/protocol.ts'
import { StepWatcher } from '../common/step-watcher.ts'
import type { TrainerPlace, TrainerSession } from '../common/trainer-worker.ts'
import { network } from './network.ts'
import { Predictions } from './predictions.ts'
import type { Events, Settings } from './protocol.ts'

/** The name of the checkpoints in the store. */
export const checkpointName = 'digits'

/** Steps between two checkpoints: what a reload may have to take again. */
const checkpointEvery = 50

/** Whom a session tells how it goes. */
export interface SessionListener {
  /** Tells what is trained on. */
  announce(): void
  progress(what: string, share: number | null): void
  steps(event: Events['steps']): void
  measured(event: Events['measured']): void
}

/** Where a training lives. */
export interface SessionPlace extends TrainerPlace {
  readonly digits: Digits
  readonly listener: SessionListener
}

/** One training: a network, what it learns from, and how far it is. */
export class Session implements TrainerSession<Settings> {
  readonly settings: Settings
  readonly #place: SessionPlace
  readonly #model: Sequential
  readonly #optimizer: AdamW
  readonly #loader: DataLoader<'x' | 'y'>
  readonly #testLoader: DataLoader<'x' | 'y'>
  readonly #predictions: Predictions
  readonly #classify: Compiled<[Tensor], Tensor>
  readonly #watcher: StepWatcher

  /** A network with fresh weights; the same settings give the same ones. */
  constructor(settings: Settings, place: SessionPlace) {
    const { device, digits } = place
    this.settings = settings
    this.#place = place
    manualSeed(1, device)
    this.#model = network(settings.network)
    this.#optimizer = new AdamW(this.#model.parameters(), { lr: settings.learningRate })
    this.#loader = new DataLoader(digits.train, {
      batchSize: settings.batchSize,
      shuffle: true,
      seed: 1,
      dropLast: true,
    })
    this.#testLoader = new DataLoader(digits.test, { batchSize: 250 })
    this.#predictions = new Predictions(digits.test.length)
    this.#watcher = new StepWatcher(this.#loader.length, {
      ...place.listener,
      measured: (accuracy) => this.#tellMeasured(accuracy),
    })
    this.#classify = compile((x: Tensor) => noGrad(() => softmax(this.#model.forward(x))), { device })
  }

  announce(): void {
    this.#place.listener.announce()
    this.#watcher.tellAll()
  }

  /** How far the training is. */
  get standing(): Standing {
    const { step } = this.#watcher
    return { step, done: Math.floor(step / this.#loader.length) }
  }

  /** Goes on from what the store keeps, where it keeps something, and reads the test digits. */
  async restore(): Promise<void> {
    // A fit that is told to stop before its first step only takes up the checkpoint.
    await this.#fit({ epochs: this.standing.done + 1, signal: AbortSignal.abort() })
    await this.measure()
  }

  /** Takes over weights, with which the training starts anew. */
  loadWeights(weights: StateDict): void {
    this.#model.loadStateDict(weights)
  }

  /** Reads the test digits. */
  async measure(): Promise<void> {
    this.#place.listener.progress('Reading the test digits', null)
    const { accuracy = 0 } = await evaluate(this.#model, this.#testLoader, {
      loss: (output, { y }) => crossEntropy(output, y),
      metrics: { accuracy: this.#predictions },
    })
    this.#watcher.begin(accuracy)
  }

  /** Trains until so many epochs are done in all, or the signal says stop. */
  async train(epochs: number, signal: AbortSignal): Promise<void> {
    await this.#fit({ epochs, signal })
  }

  /** Reads one digit, [28, 28] from 0 to 1: the probabilities of 0 to 9. */
  async classify(pixels: Float32Array): Promise<Float32Array<ArrayBuffer>> {
    const x = tensor(pixels, { shape: [1, 28, 28, 1], device: this.#place.device })
    return Float32Array.from(await this.#classify(x).data())
  }

  /** The weights as a safetensors file, from which {@link loadWeights} and other programs take them. */
  async weights(): Promise<Uint8Array<ArrayBuffer>> {
    return writeSafetensors(await this.#model.stateDict(), { metadata: { network: this.settings.network } })
  }

  /** Compiles what reading one digit takes, so that the first answer comes at once. */
  async prepare(): Promise<void> {
    await this.#classify.prepare({ x: spec([1, 28, 28, 1]) })
  }

  /** Gives the plans back. */
  close(): void {
    this.#classify.release()
  }

  async #fit(length: Pick<FitOptions<'x' | 'y'>, 'epochs' | 'signal'>): Promise<void> {
    await fit(this.#model, this.#loader, {
      ...length,
      optimizer: this.#optimizer,
      loss: (output, { y }) => crossEntropy(output, y),
      validation: this.#testLoader,
      metrics: { accuracy: this.#predictions },
      callbacks: [this.#watcher],
      checkpoint: { store: this.#place.store, name: checkpointName, every: checkpointEvery, resume: true },
    })
  }

  #tellMeasured(accuracy: number): void {
    this.#place.listener.measured({
      accuracy,
      read: this.#predictions.read.slice(),
      sure: this.#predictions.sure.slice(),
      ...this.#watcher.accuracies,
    })
  }
}
