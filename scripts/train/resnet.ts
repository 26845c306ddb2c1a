import type { Command } from 'commander'
import { DataLoader } from '../../src/data/index.ts'
import { manualSeed } from '../../src/index.ts'
import {
  type ImageModelConfig,
  type ImageTaskOptions,
  type ImageTransform,
  imageModel,
  imagenetMean,
  imagenetStd,
  imageTask,
  isLargeImageModel,
  type LoadedImageModel,
  normalizeChannels,
  randomCrop,
  randomHorizontalFlip,
  randomResizedCrop,
  saveImageModel,
} from '../../src/models/index.ts'
import {
  cosineAnnealingLR,
  decayGroups,
  LRScheduler,
  linearLR,
  type Schedule,
  SGD,
  sequentialLR,
} from '../../src/optim/index.ts'
import { accuracy, fit, type History } from '../../src/train/index.ts'
import { lossSection, type Report } from '../report/report.ts'
import type { Curve } from './common/curve.ts'
import { prepareOutput, writeOutput } from './common/output.ts'
import { decisive, TrainRun } from './common/run.ts'
import { type ImageData, readImageData } from './image-data.ts'
import { loadImages } from './image-weights.ts'
import { type ResNetOptions, resnetCommandLine } from './resnet-options.ts'

/** `resnet`: residual networks for images. */
export function resnetCommand(): Command {
  return resnetCommandLine().action(resnet)
}

async function resnet(options: ResNetOptions): Promise<void> {
  const { arch, epochs, batchSize, seed } = options
  const isLarge = isLargeImageModel(arch)
  if (options.freeze && options.weights === undefined)
    throw new Error(
      'resnet: --freeze is given without --weights, so that a random backbone would stay; name the --weights of a trained one, or leave --freeze out',
    )
  await prepareOutput('resnet', '--save', options.save)
  const data = await readImageData(options.data, {
    testShare: options.testShare,
    size: options.size ?? (isLarge ? 224 : 32),
    seed,
  })
  const steps = epochs * Math.ceil(data.train.length / batchSize)
  const settings = { ...decisive(options), data: data.digest }
  const run = await TrainRun.open({ system: 'resnet', options, settings, steps })
  try {
    manualSeed(seed, run.device)
    const { model, config } = await modelFor(options, data)
    const rows = `${data.train.length} to train on, ${data.test.length} to test with`
    run.line(`Images: ${rows}; ${data.classes.length} classes, ${data.size}x${data.size} pixels`)
    run.line(`Network: ${arch}, ${model.parameters().reduce((sum, p) => sum + p.size, 0)} parameters`)
    const trainable = model.parameters().filter((p) => p.requiresGrad)
    const optimizer = new SGD(decayGroups(trainable, options.weightDecay), {
      lr: options.lr,
      momentum: options.momentum,
      nesterov: options.momentum > 0,
    })
    const parts = run.training('resnet', { epochs: true })
    const history = await fit(model, new DataLoader(data.train, { batchSize, shuffle: true, seed, prefetch: 2 }), {
      ...imageTask(model, taskOf(options, config)),
      optimizer,
      scheduler: new LRScheduler(optimizer, warmedCosine(steps)),
      epochs,
      validation: new DataLoader(data.test, { batchSize: 2 * batchSize }),
      metrics: { accuracy: accuracy() },
      ...parts,
    })
    const reached = history.epochs.at(-1)?.accuracy ?? Number.NaN
    const text = `Told right: ${(100 * reached).toFixed(2)} % of ${data.test.length} images not trained on`
    run.line(`${text}\nDone in ${run.seconds.toFixed(0)} s`)
    if (options.save !== undefined) {
      await writeOutput(options.save, await saveImageModel({ model, config }))
      run.line(`Saved: ${options.save}`)
    }
    await run.report(() => reportOf(options, history, parts.curve, text))
    if (options.atLeast !== undefined && !(reached >= options.atLeast))
      throw new Error(`resnet: accuracy is ${reached.toFixed(4)}; at least ${options.atLeast} was asked for`)
  } finally {
    run.close()
  }
}

/** A network for the classes of the data: fresh, or with the backbone of weights that are published. */
async function modelFor(options: ResNetOptions, data: ImageData): Promise<LoadedImageModel> {
  const isLarge = isLargeImageModel(options.arch)
  const { classes, channels, size } = data
  const config: ImageModelConfig = {
    architecture: options.arch,
    classes,
    channels,
    size,
    mean: isLarge ? imagenetMean : new Array<number>(channels).fill(0.5),
    std: isLarge ? imagenetStd : new Array<number>(channels).fill(0.5),
    ...(!isLarge && { width: options.width }),
  }
  const model = imageModel(config)
  if (options.weights !== undefined) {
    const { model: published, config: theirs } = await loadImages(options.weights)
    if (theirs.architecture !== options.arch || theirs.channels !== channels)
      throw new Error(
        `resnet: --weights ${options.weights} is ${theirs.architecture} for ${theirs.channels} channels, not ${options.arch} for ${channels}`,
      )
    const state = await published.stateDict()
    const backbone = Object.entries(state).filter(([key]) => !key.startsWith('fc.'))
    model.loadStateDict({ ...(await model.stateDict()), ...Object.fromEntries(backbone) })
    return {
      model: model.freezeBackbone(options.freeze ?? false),
      config: { ...config, mean: theirs.mean, std: theirs.std },
    }
  }
  return { model: model.freezeBackbone(options.freeze ?? false), config }
}

function taskOf(options: ResNetOptions, { mean, std, size }: ImageModelConfig): ImageTaskOptions {
  const made: Readonly<Record<string, () => ImageTransform[]>> = {
    crop: () => [randomCrop(Math.max(1, Math.round(size / 8)))],
    flip: () => [randomHorizontalFlip()],
    resized: () => [randomResizedCrop(size)],
    none: () => [],
  }
  return {
    augment: options.augment.flatMap((name) => made[name]?.() ?? []),
    normalize: normalizeChannels(mean, std),
    labelSmoothing: options.labelSmoothing,
    ...(options.mixup !== undefined && { mixup: options.mixup }),
  }
}

/** Half a cosine down to 0, after a rise over a twentieth of the steps (Loshchilov and Hutter 2017; Goyal et al. 2017). */
function warmedCosine(steps: number): Schedule {
  const rise = Math.floor(steps / 20)
  if (rise === 0) return cosineAnnealingLR(steps)
  return sequentialLR([linearLR(rise, 0.1), cosineAnnealingLR(steps - rise)], [rise])
}

function reportOf(options: ResNetOptions, history: History, curve: Curve, text: string): Report {
  const shown = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(4))
  return {
    title: 'wgrad: images',
    headline: text,
    subline: `${options.arch} on ${options.data}, ${options.epochs} epochs of batches of ${options.batchSize}, augmented by ${options.augment.join(', ')}.`,
    facts: [['learning rate', String(options.lr)]],
    sections: [
      lossSection(curve.steps, curve.losses),
      {
        title: 'Epochs',
        table: {
          head: ['epoch', 'loss', 'test loss', 'accuracy'],
          rows: history.epochs.map((log) => [
            String(log.epoch),
            shown(log.loss),
            shown(log.valLoss),
            shown(log.accuracy),
          ]),
        },
      },
    ],
  }
}
