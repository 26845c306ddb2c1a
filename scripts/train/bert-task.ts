import type { BatchTransform } from '../../src/data/index.ts'
import { DataLoader } from '../../src/data/index.ts'
import { crossEntropy, manualSeed } from '../../src/index.ts'
import {
  type BertConfigFile,
  BertForMaskedLM,
  BertForSequenceClassification,
  type BertTokenizer,
  bertGroups,
  dropWords,
  groupByLength,
  ignoredTarget,
  type LabelledTexts,
  loadBertWeights,
  maskTokens,
  specialTokens,
  TextDataset,
} from '../../src/models/index.ts'
import type { Module } from '../../src/nn/index.ts'
import {
  AdamW,
  clipNorm,
  GradientAccumulator,
  LRScheduler,
  linearLR,
  type Schedule,
  sequentialLR,
} from '../../src/optim/index.ts'
import { accuracy, EarlyStopping, type FitOptions, fit, type History } from '../../src/train/index.ts'
import type { TrainingParts } from './common/run.ts'

/** How a classifier is trained. */
export interface BertTraining {
  readonly batchSize: number
  readonly epochs: number
  /** Epochs of telling hidden tokens before. */
  readonly pretrain: number
  readonly lr: number
  /** Share of the steps in which the rate rises; it falls to 0 in the others. */
  readonly warmup: number
  readonly weightDecay: number
  readonly layerDecay: number
  /** Batches to an update. */
  readonly accumulate: number
  /** Largest norm of the gradients. */
  readonly clip: number
  /** Share of the words that are hidden in each batch. */
  readonly wordDropout: number
}

/** What there is to train on. */
export interface BertData {
  readonly config: BertConfigFile
  readonly tokenizer: BertTokenizer
  readonly train: TextDataset
  readonly dev: TextDataset
  /** Texts that were cut at the longest length. */
  readonly truncated: number
}

/** Texts as tokens. */
export function bertData(
  tokenizer: BertTokenizer,
  config: BertConfigFile,
  train: LabelledTexts,
  dev: LabelledTexts,
): BertData {
  let truncated = 0
  const read = ({ texts, labels }: LabelledTexts): TextDataset => {
    const ids = texts.map((text) => {
      const encoding = tokenizer.encode(text)
      if (encoding.truncated > 0) truncated++
      return encoding.ids
    })
    return new TextDataset(ids, labels, { padId: tokenizer.padId, maxLength: tokenizer.maxLength })
  }
  return { config, tokenizer, train: read(train), dev: read(dev), truncated }
}

/** Steps of one training, pre-training included. */
export function stepsOf({ train }: BertData, { batchSize, epochs, pretrain }: BertTraining): number {
  return Math.max(1, Math.floor(train.length / batchSize)) * (epochs + pretrain)
}

/** A training of a classifier that began with some seed. */
export interface TrainedBert {
  readonly model: BertForSequenceClassification
  readonly history: History
  /** The best epoch and its accuracy on the other texts; the model has its weights. */
  readonly best: { readonly value: number; readonly epoch: number }
}

/** Trains a classifier from a seed; `parts` gives what `fit` needs for the pre-training and for the training. */
export async function trainBert(
  data: BertData,
  how: BertTraining,
  options: {
    readonly seed: number
    readonly weights?: Blob
    readonly parts: (stage: 'pretrain' | 'train') => TrainingParts
    readonly onLoaded?: (missing: readonly string[]) => void
  },
): Promise<TrainedBert> {
  const { seed, weights, parts } = options
  manualSeed(seed)
  const model = new BertForSequenceClassification(data.config)
  if (weights) options.onLoaded?.((await loadBertWeights(model, weights)).missing)
  if (how.pretrain > 0) await pretrain(model, data, how, { seed, parts: parts('pretrain') })
  const { wordDropout } = how
  const { maskId } = data.tokenizer
  const map =
    wordDropout > 0 && maskId !== null ? dropWords<Fields>({ ...ordinary(data), maskId, share: wordDropout }) : null
  const loader = loaderOf<Fields>(data, how, seed, map)
  const stopping = new EarlyStopping({ monitor: 'accuracy', mode: 'max', patience: how.epochs, restoreBest: true })
  const { callbacks, checkpoint } = parts('train')
  const history = await fit<Fields>(model, loader, {
    ...updates(model, loader.length * how.epochs, how),
    forward: ({ ids, lengths }) => model.forward(ids, lengths),
    loss: (logits, { y }) => crossEntropy(logits, y),
    epochs: how.epochs,
    validation: new DataLoader(data.dev, { batchSize: 128 }),
    metrics: { accuracy: accuracy() },
    callbacks: [stopping, ...callbacks],
    ...(checkpoint && { checkpoint }),
  })
  if (!stopping.best) throw new Error('bert: no epoch has an accuracy; give more texts to measure it on')
  return { model, history, best: stopping.best }
}

/** Trains the encoder to tell hidden tokens of the same texts. */
async function pretrain(
  model: BertForSequenceClassification,
  data: BertData,
  how: BertTraining,
  { seed, parts }: { readonly seed: number; readonly parts: TrainingParts },
): Promise<void> {
  const { maskId } = data.tokenizer
  if (maskId === null) throw new Error(`bert: the vocabulary has no ${specialTokens.mask} to train with`)
  const masked = new BertForMaskedLM(data.config)
  const encoder = await model.stateDict()
  masked.loadStateDict(encoderOf(encoder), { strict: false })
  const loader = loaderOf<Fields | 'positions'>(data, how, seed, maskTokens({ ...ordinary(data), maskId }))
  const { callbacks, checkpoint } = parts
  await fit<Fields | 'positions'>(masked, loader, {
    ...updates(masked, loader.length * how.pretrain, how),
    forward: ({ ids, lengths, positions }) => masked.predictAt({ inputIds: ids, attentionMask: lengths }, positions),
    loss: (logits, { y }) =>
      crossEntropy(logits.reshape([-1, logits.shape[2] as number]), y.reshape([-1]), { ignoreIndex: ignoredTarget }),
    epochs: how.pretrain,
    callbacks,
    ...(checkpoint && { checkpoint }),
  })
  model.loadStateDict(encoderOf(await masked.stateDict()), { strict: false })
}

function encoderOf<T>(state: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(state).filter(([key]) => key.startsWith('bert.') && !key.startsWith('bert.pooler.')),
  )
}

/** Which tokens are words: those behind the special ones that come first. */
function ordinary({ config, tokenizer }: BertData): { firstWord: number; vocabSize: number } {
  const { maskId, padId } = tokenizer
  return { firstWord: Math.max(padId, maskId ?? 0) + 1, vocabSize: config.vocab_size as number }
}

type Fields = 'ids' | 'lengths' | 'y'

function loaderOf<R extends string = Fields>(
  { train }: BertData,
  { batchSize }: BertTraining,
  seed: number,
  map: BatchTransform<Fields, R> | null,
): DataLoader<Fields, R> {
  const sampler = groupByLength(train.lengths, batchSize)
  const dropLast = train.length >= batchSize
  return new DataLoader<Fields, R>(train, { batchSize, sampler, seed, dropLast, ...(map && { map }) })
}

/** AdamW, clipped, with a rate that rises and falls. */
function updates(
  model: Module,
  steps: number,
  how: BertTraining,
): Pick<FitOptions<string>, 'optimizer' | 'scheduler' | 'accumulator'> {
  const { lr, weightDecay, layerDecay, accumulate, clip, warmup } = how
  const optimizer = new AdamW(bertGroups(model, { lr, weightDecay, layerDecay }))
  optimizer.clip = clipNorm(clip)
  const scheduler = new LRScheduler(optimizer, riseAndFall(Math.ceil(steps / accumulate), warmup))
  return {
    optimizer,
    scheduler,
    ...(accumulate > 1 && { accumulator: new GradientAccumulator(optimizer, accumulate) }),
  }
}

function riseAndFall(steps: number, warmup: number): Schedule {
  const rising = Math.min(steps - 1, Math.round(warmup * steps))
  const falling = linearLR(Math.max(1, steps - rising), 1, 0)
  return rising > 0 ? sequentialLR([linearLR(rising, 1 / rising, 1), falling], [rising]) : falling
}
