import { Command } from 'commander'
import { type LabelledTexts, readLabelledTexts, wordPieceJson, wordVocabulary } from '../../src/models/index.ts'
import { type BertSizes, ownConfig, withClasses } from './bert-config.ts'
import { type BertFolder, openBertFolder, prepareBertFolder, tokenizerOf, writeBertFolder } from './bert-folder.ts'
import { bertReport, type SeedResult } from './bert-report.ts'
import { type BertTraining, bertData, stepsOf, trainBert } from './bert-task.ts'
import type { Curve } from './common/curve.ts'
import { digestOf } from './common/digest.ts'
import { factor, notNegative, positive, share, whole } from './common/options.ts'
import { readNamed } from './common/read-named.ts'
import { addRunOptions, decisive, type RunOptions, TrainRun } from './common/run.ts'
import { mean, overSeeds } from './common/statistics.ts'

/** What is usual for a model from nothing, and for one that was trained before. */
const usual = {
  fresh: { epochs: 6, lr: 5e-4, wordDropout: 0.2, maxLength: 40 },
  trained: { epochs: 3, lr: 3e-5, wordDropout: 0, maxLength: 128 },
}

/** The positions of BERT where a config does not tell them. */
const usualPositions = 512

type Usual = keyof typeof usual.fresh

/** `1, with --model 2` */
function defaultOf(name: Usual): string {
  return `(default: ${usual.fresh[name]}, with --model ${usual.trained[name]})`
}

interface BertOptions extends RunOptions, BertTraining, BertSizes {
  data: string
  dev: string
  model?: string
  save?: string
  seeds: number
  seed: number
  atLeast?: number
}

/** `bert`: a classifier of texts, trained from nothing or from published weights. */
export function bertCommand(): Command {
  const command = new Command('bert')
    .description(
      'Trains BERT to tell classes of texts: a small one from nothing, or one from published weights (--model).',
    )
    .requiredOption('--data <file>', 'texts to train on: lines of a text, a tab and its class')
    .requiredOption('--dev <file>', 'texts to measure it on after each epoch; the best epoch is kept')
    .option('--model <folder>', 'weights to begin with: config.json, tokenizer.json or vocab.txt, model.safetensors')
    .option('--save <folder>', 'folder for the model of the best seed, in the same form')
    .option('--layers <n>', 'without --model: layers', whole(1), 2)
    .option('--hidden <n>', 'without --model: features; the feed-forward part has 4 times as many', whole(1), 128)
    .option('--heads <n>', 'without --model: heads of the attention', whole(1), 4)
    .option('--dropout <share>', 'without --model: features and weights of the attention dropped', share, 0.2)
    .option('--initializer-range <std>', 'without --model: deviation of the first weights', positive, 0.02)
    .option('--max-length <n>', `tokens that are read of a text ${defaultOf('maxLength')}`, whole(3))
    .option('--epochs <n>', `how often to see each text ${defaultOf('epochs')}`, whole(1))
    .option('--pretrain <n>', 'epochs of telling hidden tokens of the same texts before', whole(0), 0)
    .option('--batch-size <n>', 'texts in a batch', whole(1), 64)
    .option('--accumulate <n>', 'batches to an update', whole(1), 1)
    .option('--lr <rate>', `largest learning rate of AdamW ${defaultOf('lr')}`, positive)
    .option('--warmup <share>', 'steps in which the rate rises; in the others it falls to 0', share, 0.1)
    .option('--weight-decay <rate>', 'of matrices', notNegative, 0.01)
    .option('--layer-decay <factor>', 'of the rate, from each layer to the one below it', factor, 1)
    .option('--word-dropout <share>', `words that are hidden anew in each batch ${defaultOf('wordDropout')}`, share)
    .option('--clip <norm>', 'largest norm of the gradients', positive, 1)
    .option('--seeds <n>', 'how many times to train', whole(1), 1)
    .option('--seed <n>', 'the first seed', whole(0), 0)
    .option('--at-least <share>', 'fails where the mean accuracy is lower', share)
    .action(bert)
  return addRunOptions(command)
}

async function readTexts(file: string, classes?: readonly string[]): Promise<LabelledTexts> {
  const tsv = await readNamed('bert', file, 'it has lines of a text, a tab and its class')
  return readLabelledTexts(tsv.toString(), { name: file, ...(classes && { classes }) })
}

/** What is usual, and no more positions than a model has that was trained before. */
function usualFor(from: BertFolder | null): Pick<BertOptions, Usual> {
  if (!from) return usual.fresh
  const { max_position_embeddings: positions = usualPositions } = from.config
  return { ...usual.trained, maxLength: Math.min(usual.trained.maxLength, positions) }
}

async function bert(given: Omit<BertOptions, Usual> & Partial<Pick<BertOptions, Usual>>): Promise<void> {
  const { save, seeds, seed: first } = given
  if (save !== undefined) await prepareBertFolder(save, given.model)
  const from = given.model === undefined ? null : await openBertFolder(given.model)
  const options: BertOptions = { ...usualFor(from), ...given }
  const train = await readTexts(options.data)
  const dev = await readTexts(options.dev, train.classes)
  if (dev.texts.length === 0)
    throw new Error(
      `bert: --dev ${options.dev} has 0 texts, and --data ${train.texts.length}; give texts to measure on`,
    )
  const tokenizerJson = from?.tokenizerJson ?? wordPieceJson(wordVocabulary(train.texts))
  const config = withClasses(from?.config ?? ownConfig(options, tokenizerJson), train.classes)
  const { max_position_embeddings: positions = usualPositions } = config
  if (options.maxLength > positions)
    throw new Error(`bert: --max-length is ${options.maxLength}; the model has ${positions} positions`)
  const data = bertData(tokenizerOf(tokenizerJson, options.maxLength), config, train, dev)
  const { data: _, dev: _dev, model: _model, ...settings } = decisive(options)
  const run = await TrainRun.open({
    system: 'bert',
    options,
    settings: { ...settings, data: digestOf(JSON.stringify([train, dev, tokenizerJson, config])) },
    steps: seeds * stepsOf(data, options),
  })
  try {
    run.line(`Texts: ${train.texts.length} to train on, ${dev.texts.length} to measure, of ${train.classes.join(', ')}`)
    run.line(`Vocabulary: ${config.vocab_size} tokens; ${data.truncated} texts are cut at ${options.maxLength} tokens`)
    const results: SeedResult[] = []
    let most = -1
    for (let seed = first; seed < first + seeds; seed++) {
      const curves: Curve[] = []
      const trained = await trainBert(data, options, {
        seed,
        ...(from && { weights: from.weights }),
        parts: (stage) => {
          const parts = run.training(`seed ${seed}, ${stage}`, { name: `seed-${seed}-${stage}`, epochs: true })
          curves.push(parts.curve)
          return parts
        },
        onLoaded: (missing) => run.line(`Not in the file, and new: ${missing.join(', ') || 'nothing'}`),
      })
      results.push({ seed, history: trained.history, best: trained.best, curve: curves.at(-1) as Curve })
      run.line(`seed ${seed}: ${trained.best.value.toFixed(4)} in epoch ${trained.best.epoch}`)
      if (save !== undefined && trained.best.value > most)
        await writeBertFolder(save, { config, tokenizerJson }, await trained.model.stateDict())
      most = Math.max(most, trained.best.value)
    }
    const values = results.map(({ best }) => best.value)
    const text = overSeeds('accuracy of the best epoch', values)
    run.line(`\n${text}\nDone in ${run.seconds.toFixed(0)} s`)
    await run.report(() => bertReport(text, data, results))
    const reached = mean(values)
    if (options.atLeast !== undefined && reached < options.atLeast)
      throw new Error(`bert: the accuracy is ${reached.toFixed(4)}; at least ${options.atLeast} was asked for`)
  } finally {
    run.close()
  }
}
