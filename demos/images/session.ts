import { type Compiled, compile, manualSeed, spec, type Tensor } from 'wgrad'
import { DataLoader } from 'wgrad/data'
import {
  type ImageClassifier,
  type ImageModelConfig,
  type ImageTaskOptions,
  imageInput,
  imageModel,
  imageTask,
  isLargeImageModel,
  normalizeChannels,
  predictImages,
  randomCrop,
  randomHorizontalFlip,
  saveImageModel,
  topClasses,
} from 'wgrad/models'
import type { StateDict } from 'wgrad/nn'
import { SGD } from 'wgrad/optim'
import { accuracy, evaluate, type FitOptions, fit } from 'wgrad/train'
import type { Standing } from '../common/protocol.ts'
import { type StepsEvent, StepWatcher } from '../common/step-watcher.ts'
import type { TrainerPlace, TrainerSession } from '../common/trainer-worker.ts'
import type { PictureSet } from './pictures.ts'
import type { Events, Look, Settings } from './protocol.ts'

/** The name of the checkpoints in the store. */
const checkpointName = 'images'

/** Steps between two checkpoints: what a reload may have to take again. */
const checkpointEvery = 20

/** Whom a session tells how it goes. */
export interface SessionListener {
  /** Tells what is trained on. */
  announce(): void
  progress(what: string, share: number | null): void
  steps(event: StepsEvent): void
  measured(event: Events['measured']): void
}

/** Where a training lives. */
export interface SessionPlace extends TrainerPlace {
  readonly config: ImageModelConfig
  /** Weights for all but the head, where there are some. */
  readonly backbone: StateDict | null
  /** The pictures of the network's classes; null where there are none, so that it can look and not learn. */
  readonly pictures: PictureSet | null
  /** Keeps what the training needs beside its checkpoints. */
  readonly keep: () => Promise<void>
  readonly listener: SessionListener
}

/** One training: a residual network, the pictures it learns from, and how far it is. */
export class Session implements TrainerSession<Settings> {
  readonly settings: Settings
  readonly #place: SessionPlace
  readonly #model: ImageClassifier
  readonly #look: Compiled<[Tensor], Record<'probabilities' | 'heat', Tensor>>
  readonly #loader: DataLoader<'x' | 'y'> | null
  readonly #fitting: Omit<FitOptions<'x' | 'y'>, 'epochs' | 'steps'> | null
  readonly #watcher: StepWatcher

  /** A network with fresh weights but for those of the backbone; the same settings give the same ones. */
  constructor(settings: Settings, place: SessionPlace) {
    const { device, config, backbone, pictures, listener, store } = place
    this.settings = settings
    this.#place = place
    manualSeed(1, device)
    const model = imageModel(config)
    if (backbone) model.loadStateDict(backbone, { strict: false })
    model.freezeBackbone(settings.trains === 'head')
    this.#model = model
    this.#look = compile((x: Tensor) => ({ ...predictImages(model, x) }), { device })
    const { batchSize } = settings
    this.#loader = pictures && new DataLoader(pictures.train, { batchSize, shuffle: true, seed: 1 })
    this.#watcher = new StepWatcher(this.#loader?.length ?? 1, {
      progress: (what, share) => listener.progress(what, share),
      steps: (event) => listener.steps(event),
      measured: (share) => listener.measured({ accuracy: share, ...this.#watcher.accuracies }),
    })
    this.#fitting = pictures && {
      ...imageTask(model, taskOf(config)),
      optimizer: new SGD(
        model.parameters().filter((p) => p.requiresGrad),
        { lr: settings.learningRate, momentum: 0.9, weightDecay: 1e-4 },
      ),
      validation: new DataLoader(pictures.test, { batchSize: Math.min(64, pictures.test.length) }),
      metrics: { accuracy: accuracy() },
      callbacks: [this.#watcher],
      checkpoint: { store, name: checkpointName, every: checkpointEvery, resume: true },
    }
  }

  announce(): void {
    this.#place.listener.announce()
    this.#watcher.tellAll()
  }

  async keep(): Promise<void> {
    await this.#place.keep()
  }

  get standing(): Standing {
    const { step } = this.#watcher
    return { step, done: Math.floor(step / (this.#loader?.length ?? 1)) }
  }

  loadWeights(weights: StateDict): void {
    this.#model.loadStateDict(weights)
  }

  async prepare(): Promise<void> {
    const { config, listener } = this.#place
    listener.progress('Compiling shaders', null)
    this.#model.eval()
    await this.#look.prepare({ x: spec([1, config.size, config.size, config.channels]) })
  }

  async restore(): Promise<void> {
    const fitting = this.#fitting
    if (!fitting) return
    // A fit that is told to stop before its first step only takes up the checkpoint.
    await this.#fit({ epochs: this.standing.done + 1, signal: AbortSignal.abort() })
    this.#place.listener.progress('Looking at the test pictures', null)
    const { validation, loss, metrics = {} } = fitting
    if (!validation) return
    const measured = await evaluate(this.#model, validation, {
      ...imageTask(this.#model, taskOf(this.#place.config)),
      loss,
      metrics,
    })
    this.#watcher.begin(measured.accuracy ?? 0)
  }

  async train(epochs: number, signal: AbortSignal): Promise<void> {
    if (!this.#fitting)
      throw new Error(
        `the weights tell ${this.#place.config.classes.length} classes apart, which are not those of the pictures; start anew, and a new head learns yours`,
      )
    await this.#fit({ epochs, signal })
  }

  /** What the network makes of a picture. */
  async look(picture: ImageBitmap): Promise<Look> {
    const { config } = this.#place
    // A step of the training may be on its way, whose mode comes back at once.
    const { training } = this.#model
    this.#model.eval()
    const { probabilities, heat } = this.#look(imageInput(picture, config))
    this.#model.train(training)
    const [shares, values] = [probabilities.data(), heat.data()]
    const top = topClasses(await shares, config.classes)
    return { top, heat: Float32Array.from(await values), columns: heat.shape[2] as number }
  }

  async weights(): Promise<Uint8Array<ArrayBuffer>> {
    return saveImageModel({ model: this.#model, config: this.#place.config })
  }

  close(): void {
    this.#look.release()
  }

  async #fit(length: Pick<FitOptions<'x' | 'y'>, 'epochs' | 'signal'>): Promise<void> {
    const [fitting, loader] = [this.#fitting, this.#loader]
    if (fitting && loader) await fit(this.#model, loader, { ...fitting, ...length })
  }
}

function taskOf({ mean, std, size, architecture }: ImageModelConfig): ImageTaskOptions {
  const padding = Math.round(size / (isLargeImageModel(architecture) ? 16 : 8))
  return {
    augment: [randomCrop(padding), randomHorizontalFlip()],
    normalize: normalizeChannels(mean, std),
    labelSmoothing: 0.05,
  }
}
