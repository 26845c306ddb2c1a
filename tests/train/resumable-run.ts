import { ArrayDataset, DataLoader, WeightedRandomSampler } from '../../src/data/index.ts'
import { type Compiled, compile, crossEntropy, defaultDevice, manualSeed, spec, type Tensor } from '../../src/index.ts'
import { BatchNorm2d, Conv2d, Dropout, Flatten, Linear, ReLU, Sequential } from '../../src/nn/index.ts'
import {
  AdamW,
  clipNorm,
  clipValue,
  decayGroups,
  ExponentialMovingAverage,
  GradientAccumulator,
  LRScheduler,
  oneCycleLR,
  optimizerState,
  ReduceLROnPlateau,
  SGD,
} from '../../src/optim/index.ts'
import { type CheckpointStore, loadCheckpoint, saveCheckpoint, type Training } from '../../src/train/index.ts'

export type RunKind = 'adamw' | 'sgd'

/** What a run ends with, ready to be sent and compared bit for bit. */
export interface RunResult {
  /** Loss of each step taken, by its bits. */
  losses: Record<number, string>
  /** All tensors of the training and the numbers beside them. */
  end: Record<string, string>
}

/** Steps of a whole run. Its last epoch is not finished, and each epoch ends with a smaller batch. */
export const wholeRun = 100

const samples = 50

function data(): ArrayDataset<'x' | 'y'> {
  const x = Float32Array.from({ length: samples * 36 }, (_, i) => Math.sin(i * 1.37 + Math.cos(i * 0.011) * 5))
  const y = Int32Array.from({ length: samples }, (_, i) => (i * 7) % 3)
  return new ArrayDataset({
    x: { data: x, shape: [samples, 6, 6, 1] },
    y: { data: y, shape: [samples], dtype: 'i32' },
  })
}

function network(): Sequential {
  return new Sequential(
    new Conv2d(1, 3, 3),
    new BatchNorm2d(3),
    new ReLU(),
    new Flatten(),
    new Dropout(0.3),
    new Linear(48, 3),
  )
}

interface Parts extends Training {
  readonly loader: DataLoader<'x' | 'y'>
  readonly onStep: Compiled<[Tensor, Tensor], { loss: Tensor }>
  onEpochEnd(loss: number): void
}

/** Everything that can carry state: dropout, moments in groups, clipping, schedule, averages, an accumulation. */
function adamw(): Parts {
  const model = network()
  const optimizer = new AdamW(decayGroups(model.parameters(), 0.1), { lr: 0.02 })
  optimizer.clip = clipNorm(0.5)
  const accumulator = new GradientAccumulator(optimizer, 3)
  const average = new ExponentialMovingAverage(optimizer, 0.9)
  const scheduler = new LRScheduler(optimizer, oneCycleLR(wholeRun))
  const loader = new DataLoader(data(), { batchSize: 8, shuffle: true, seed: 4, prefetch: 2 })
  const onStep = compile((x: Tensor, y: Tensor) => {
    const loss = crossEntropy(model.forward(x), y)
    accumulator.minimize(loss)
    average.update()
    return { loss }
  })
  return { model, optimizer, accumulator, average, scheduler, loader, onStep, onEpochEnd: () => {} }
}

/** The other ways: momentum, a rate that falls on a plateau, clipped values, weighted samples, a part of one's own. */
function sgd(): Parts {
  const model = network()
  const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true })
  optimizer.clip = clipValue(0.5)
  const scheduler = new ReduceLROnPlateau(optimizer, { patience: 0, factor: 0.7, threshold: 0.05 })
  const sampler = new WeightedRandomSampler(Array.from({ length: samples }, (_, i) => 1 + (i % 3)))
  const loader = new DataLoader(data(), { batchSize: 8, sampler, seed: 9 })
  const onStep = compile((x: Tensor, y: Tensor) => {
    const loss = crossEntropy(model.forward(x), y)
    optimizer.minimize(loss)
    return { loss }
  })
  let epochs = 0
  const counting = {
    state: () => ({ epochs }),
    restore: (state: { epochs: number }) => {
      epochs = state.epochs
    },
  }
  return {
    model,
    optimizer,
    scheduler,
    loader,
    parts: { counting },
    onStep,
    onEpochEnd(loss) {
      scheduler.step(loss)
      epochs++
      // What is set by hand between steps is part of the state as well.
      if (optimizer.clip) optimizer.clip.max = 0.5 / epochs
    },
  }
}

/**
 * Trains up to step `until`: from the newest checkpoint of `from` where that is given, else anew. After each of the
 * steps in `saveAt` a checkpoint named after it is kept, without waiting for it.
 */
export async function run(
  kind: RunKind,
  options: { store: CheckpointStore; from?: string; until?: number; saveAt?: readonly number[] },
): Promise<RunResult> {
  const { store, from, until = wholeRun, saveAt = [] } = options
  // A run that is resumed starts from other weights and other random numbers, which loading must replace.
  manualSeed(from === undefined ? 7 : 12345)
  const { variants } = defaultDevice()
  variants.unpin()
  const training = { adamw, sgd }[kind]()
  const { model, optimizer, scheduler, loader, onStep, onEpochEnd } = training
  const losses: RunResult['losses'] = {}
  const saves: Promise<string>[] = []
  let epochLosses: number[] = []
  let at = 0
  if (from !== undefined) {
    const place = await loadCheckpoint(store, from, training)
    if (!place) throw new Error(`there is no checkpoint ${from}`)
    at = place.step
    epochLosses = [...(place.extra as number[])]
  }
  while (at < until) {
    let ended = true
    for await (const { x, y } of loader) {
      const { loss } = onStep(x, y)
      at++
      if (scheduler instanceof LRScheduler) scheduler.step()
      const value = await loss.item()
      epochLosses.push(value)
      // From here on other kernels do the work than the device would choose.
      if (kind === 'sgd' && at === 10) {
        // A device offers kernels for plans that it has built; which those are must not depend on where the run began.
        for (const n of [8, samples % 8]) await onStep.prepare({ x: spec([n, 6, 6, 1]), y: spec([n], 'i32') })
        variants.pin(lastOffered(variants.offered()))
      }
      // Options may be set by hand at any time.
      if (at === 20) for (const group of optimizer?.groups ?? []) Object.assign(group.options, { weightDecay: 0.03 })
      losses[at] = bitsOf([value])
      if (saveAt.includes(at))
        saves.push(saveCheckpoint(store, `${kind}-${at}`, training, { step: at, extra: epochLosses }, { keep: 1 }))
      if (at === until) {
        ended = false
        break
      }
    }
    if (!ended) break
    onEpochEnd(epochLosses.reduce((sum, each) => sum + each, 0))
    epochLosses = []
  }
  await Promise.all(saves)

  const { moments, ...numbers } = await optimizerState(optimizer as AdamW, model)
  const tensors = {
    ...(await model.stateDict()),
    ...moments,
    ...prefixed('sum ', (await training.accumulator?.state(model))?.sums),
    ...prefixed('average ', await training.average?.stateDict(model)),
  }
  const end: RunResult['end'] = { numbers: JSON.stringify(numbers), place: JSON.stringify(loader.state()) }
  for (const [name, { data: values }] of Object.entries(tensors)) end[name] = bitsOf(values)
  return { losses, end }
}

function lastOffered(offered: Readonly<Record<string, readonly string[]>>): Record<string, string> {
  return Object.fromEntries(Object.entries(offered).map(([work, names]) => [work, names.at(-1) as string]))
}

function prefixed<T>(prefix: string, entries: Readonly<Record<string, T>> = {}): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).map(([key, entry]) => [prefix + key, entry]))
}

function bitsOf(values: ArrayLike<number>): string {
  const words = new Uint32Array(Float32Array.from(values).buffer)
  return Array.from(words, (word) => word.toString(16).padStart(8, '0')).join(' ')
}
