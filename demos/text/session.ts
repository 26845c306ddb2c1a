import { type Compiled, compile, crossEntropy, manualSeed, readAll, type Tensor, tensor } from 'wgrad'
import { DataLoader } from 'wgrad/data'
import { writeSafetensors } from 'wgrad/io'
import {
  BertForSequenceClassification,
  bertGroups,
  dropWords,
  explainText,
  groupByLength,
  specialTokens,
  type TextExplanation,
} from 'wgrad/models'
import type { StateDict } from 'wgrad/nn'
import { AdamW, clipNorm, LRScheduler, linearLR } from 'wgrad/optim'
import { accuracy, evaluate, type FitOptions, fit } from 'wgrad/train'
import type { Standing } from '../common/protocol.ts'
import { StepWatcher } from '../common/step-watcher.ts'
import type { TrainerPlace, TrainerSession } from '../common/trainer-worker.ts'
import type { Answer, Events, Settings } from './protocol.ts'
import { lengthStep, type Task } from './task.ts'

/** The name of the checkpoints in the store. */
const checkpointName = 'text'

/** Steps between two checkpoints: what a reload may have to take again. */
const checkpointEvery = 50

/** Steps in which the learning rate rises. */
const warmup = 20

/** Share of the words that are hidden in each batch. */
const hiddenShare = 0.1

/** Whom a session tells how it goes. */
export interface SessionListener {
  /** Tells what is trained on. */
  announce(): void
  progress(what: string, share: number | null): void
  steps(event: Events['steps']): void
  measured(event: Events['measured']): void
}

type Fields = 'ids' | 'lengths' | 'y'

/** One training: a small BERT, the texts it learns from, and how far it is. */
export class Session implements TrainerSession<Settings> {
  readonly settings: Settings
  readonly #place: TrainerPlace
  readonly #task: Task
  readonly #listener: SessionListener
  readonly #model: BertForSequenceClassification
  readonly #optimizer: AdamW
  readonly #scheduler: LRScheduler
  readonly #loader: DataLoader<Fields>
  readonly #testLoader: DataLoader<Fields>
  readonly #watcher: StepWatcher
  readonly #read: Compiled<[Tensor, Tensor], TextExplanation>

  /** A model with fresh weights; the same settings give the same ones. */
  constructor(settings: Settings, place: TrainerPlace, task: Task, listener: SessionListener) {
    const { batchSize, learningRate: lr } = settings
    const { train, test, tokenizer } = task
    this.settings = settings
    this.#place = place
    this.#task = task
    this.#listener = listener
    manualSeed(1, place.device)
    this.#model = new BertForSequenceClassification(task.config)
    this.#optimizer = new AdamW(bertGroups(this.#model, { lr }))
    this.#optimizer.clip = clipNorm(1)
    this.#scheduler = new LRScheduler(this.#optimizer, linearLR(warmup, 1 / warmup, 1))
    this.#loader = new DataLoader<Fields>(train, {
      batchSize,
      sampler: groupByLength(train.lengths, batchSize),
      seed: 1,
      dropLast: train.length >= batchSize,
      map: dropWords<Fields>({
        maskId: tokenizer.maskId ?? 0,
        firstWord: Object.keys(specialTokens).length,
        share: hiddenShare,
      }),
    })
    this.#testLoader = new DataLoader(test, { batchSize: Math.min(100, test.length) })
    this.#watcher = new StepWatcher(this.#loader.length, {
      ...listener,
      measured: (share) => listener.measured({ accuracy: share, ...this.#watcher.accuracies }),
    })
    this.#read = compile(
      (inputIds: Tensor, attentionMask: Tensor) => explainText(this.#model, { inputIds, attentionMask }, { steps: 8 }),
      { device: place.device },
    )
  }

  announce(): void {
    this.#listener.announce()
    this.#watcher.tellAll()
  }

  /** How far the training is. */
  get standing(): Standing {
    const { step } = this.#watcher
    return { step, done: Math.floor(step / this.#loader.length) }
  }

  /** Goes on from what the store keeps, where it keeps something, and reads the texts that are not trained on. */
  async restore(): Promise<void> {
    // A fit that is told to stop before its first step only takes up the checkpoint.
    await this.#fit({ epochs: this.standing.done + 1, signal: AbortSignal.abort() })
    this.#listener.progress('Reading the texts to measure with', null)
    const { accuracy: share = 0 } = await evaluate<Fields>(this.#model, this.#testLoader, {
      ...this.#asked,
      metrics: { accuracy: accuracy() },
    })
    this.#watcher.begin(share)
  }

  /** Takes over weights, with which the training starts anew; a classifier of other classes stays out. */
  loadWeights(weights: StateDict): void {
    const { classes, others } = this.#task
    const isOther = others !== null || weights['classifier.weight']?.shape[0] !== classes.length
    const kept = Object.entries(weights).filter(([key]) => !(isOther && key.startsWith('classifier.')))
    if (!kept.some(([key]) => key.startsWith('bert.'))) this.#model.loadStateDict(weights)
    this.#model.loadStateDict(Object.fromEntries(kept), { strict: !isOther })
  }

  /** Trains until so many epochs are done in all, or the signal says stop. */
  async train(epochs: number, signal: AbortSignal): Promise<void> {
    await this.#fit({ epochs, signal })
  }

  /** Reads one text, between two steps where it is being trained. Throws where it has no words. */
  async classify(text: string): Promise<Answer> {
    const { tokenizer, classes } = this.#task
    const { ids, tokens, truncated } = tokenizer.encode(text)
    const width = Math.min(tokenizer.maxLength, Math.ceil(ids.length / lengthStep) * lengthStep)
    const row = new Int32Array(width)
    row.set(ids)
    const { device } = this.#place
    const { training } = this.#model
    this.#model.eval()
    const step = this.#read(
      tensor(row, { shape: [1, width], device }),
      tensor(Int32Array.of(ids.length), { shape: [1], device }),
    )
    this.#model.train(training)
    const [probabilities, attributions, attention] = (await readAll([
      step.probabilities,
      step.attributions,
      step.attention,
    ])) as [Float32Array, Float32Array, Float32Array]
    const count = ids.length
    const last = attention.subarray(attention.length - width * width)
    return {
      ...{ classes, tokens, truncated, probabilities: Float32Array.from(probabilities) },
      attributions: Float32Array.from(attributions.subarray(0, count)),
      attention: Float32Array.from(
        { length: count * count },
        (_, i) => last[Math.floor(i / count) * width + (i % count)] as number,
      ),
    }
  }

  /** The weights as a safetensors file, from which {@link loadWeights} and other programs take them. */
  async weights(): Promise<Uint8Array<ArrayBuffer>> {
    const { vocabulary, classes } = this.#task
    const metadata = {
      hidden: String(this.settings.hidden),
      vocabulary: vocabulary.join('\n'),
      classes: classes.join('\n'),
    }
    return writeSafetensors(await this.#model.stateDict(), { metadata })
  }

  async prepare(): Promise<void> {
    this.#listener.progress('Reading the texts', null)
  }

  /** Gives the plans back. */
  close(): void {
    this.#read.release()
  }

  get #asked(): Pick<FitOptions<Fields>, 'forward' | 'loss'> {
    return {
      forward: ({ ids, lengths }) => this.#model.forward(ids, lengths),
      loss: (logits, { y }) => crossEntropy(logits, y),
    }
  }

  async #fit(length: Pick<FitOptions<Fields>, 'epochs' | 'signal'>): Promise<void> {
    await fit<Fields>(this.#model, this.#loader, {
      ...length,
      ...this.#asked,
      optimizer: this.#optimizer,
      scheduler: this.#scheduler,
      validation: this.#testLoader,
      metrics: { accuracy: accuracy() },
      callbacks: [this.#watcher],
      checkpoint: { store: this.#place.store, name: checkpointName, every: checkpointEvery },
    })
  }
}
