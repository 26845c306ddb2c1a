import { type ArrayDataset, DataLoader, imageDataset } from '../../src/data/index.ts'
import {
  compile,
  crossEntropy,
  type Device,
  manualSeed,
  noGrad,
  type Profile,
  profile,
  spec,
  type Tensor,
} from '../../src/index.ts'
import * as nn from '../../src/nn/index.ts'
import * as optim from '../../src/optim/index.ts'
import type {
  AdapterReport,
  Digits,
  EpochReport,
  KernelReport,
  TrainEvent,
  TrainOptions,
  TrainResult,
} from './result.ts'

/** Where the device lives, and who listens. */
export interface TrainPlace {
  where: string
  onEvent: (event: TrainEvent) => void
}

/** Readings of the loss in a whole run: enough for a curve, few enough to leave the GPU alone. */
const readings = 250

/** Steps that are profiled; of each dispatch the median counts. */
const profiledSteps = 5

const image = [28, 28, 1]

/** Trains the network on a device and reads the test digits with it after each epoch. Runs in Node and in pages. */
export async function train(
  device: Device,
  digits: Digits,
  options: TrainOptions,
  { where, onEvent }: TrainPlace,
): Promise<TrainResult> {
  const { epochs, learningRate, seed } = options
  const adapter = reportAdapter(device, where)
  onEvent({ kind: 'adapter', adapter })

  const { trainSet, testSet } = split(digits)
  const batchSize = Math.min(options.batchSize, trainSet.length)
  const loader = new DataLoader(trainSet, { batchSize, shuffle: true, seed, dropLast: true })
  manualSeed(seed, device)
  const model = digitReader()
  const optimizer = new optim.AdamW(model.parameters(), { lr: learningRate, weightDecay: 0 })

  const step = compile((x: Tensor, y: Tensor) => {
    const loss = crossEntropy(model.forward(x), y)
    optimizer.minimize(loss)
    return { loss }
  })
  const cost = await step.prepare(
    { x: spec([batchSize, ...image]), y: spec([batchSize], 'i32') },
    { onProgress: (done: number, total: number) => onEvent({ kind: 'prepare', done, total }) },
  )

  const steps = epochs * loader.length
  const every = Math.max(1, Math.floor(steps / readings))
  const result: TrainResult = {
    adapter,
    options: { ...options, batchSize },
    source: digits.source,
    train: digits.train,
    test: digits.test,
    steps: [],
    losses: [],
    epochs: [],
    stepsPerSecond: 0,
    parameters: model.parameters().reduce((sum: number, parameter: Tensor) => sum + parameter.size, 0),
    perStep: { ...cost, bytes: 0 },
    profile: [],
    clock: 'timestamps',
    trace: '',
    predictions: [],
    confidence: [],
  }

  let taken = 0
  let trainedFor = 0
  const note = async (reading: Promise<number>, at: number, started: number): Promise<void> => {
    const loss = await reading
    if (!Number.isFinite(loss)) throw new Error(`start: the loss is ${loss} at step ${at}; lower --learning-rate`)
    result.steps.push(at)
    result.losses.push(loss)
    const seconds = trainedFor + (performance.now() - started) / 1000
    onEvent({ kind: 'step', step: at, steps, loss, stepsPerSecond: at / seconds })
  }
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const started = performance.now()
    const before = result.losses.length
    let earlier: Promise<void> = Promise.resolve()
    for await (const { x, y } of loader) {
      // Half a cosine, from the whole rate down to nothing.
      optimizer.lr = learningRate * 0.5 * (1 + Math.cos((Math.PI * taken) / steps))
      const { loss } = step(x, y)
      taken++
      if (taken % every !== 0 && taken !== steps) continue
      // Waiting for the reading before this one keeps the GPU busy while the host stays close behind it.
      const noted = note(loss.item(), taken, started)
      noted.catch(() => undefined)
      await earlier
      earlier = noted
    }
    await earlier
    const seconds = (performance.now() - started) / 1000
    trainedFor += seconds
    Object.assign(result, await readDigits(model, testSet))
    const report: EpochReport = {
      loss: mean(result.losses.slice(before)),
      accuracy: share(result.predictions, digits.labels.subarray(digits.labels.length - digits.test)),
      seconds,
    }
    result.epochs.push(report)
    onEvent({ kind: 'epoch', epoch, epochs, report })
  }
  result.stepsPerSecond = taken / trainedFor

  // A profiled step is a step like any other; without a learning rate it leaves the network as it is.
  optimizer.lr = 0
  const profiles: Profile[] = []
  for await (const { x, y } of loader) {
    profiles.push(await profile(step, x, y))
    if (profiles.length === profiledSteps) break
  }
  return { ...result, ...summarize(profiles, result.perStep) }
}

/** One row for each kernel, with the median time of each of its dispatches. */
function summarize(
  profiles: readonly Profile[],
  perStep: TrainResult['perStep'],
): Pick<TrainResult, 'profile' | 'clock' | 'trace' | 'perStep'> {
  const [first] = profiles
  if (first === undefined) throw new Error('start: no step was profiled')
  const kernels = new Map<string, KernelReport>()
  first.rows.forEach(({ kernel, flops, bytes }, i) => {
    const name = kernel.replace(/^shaders\/|\.wgsl$/g, '')
    const row = kernels.get(name) ?? { kernel: name, dispatches: 0, ms: 0, flops: 0, bytes: 0 }
    row.dispatches++
    row.ms += median(profiles.map((profile) => profile.rows[i]?.microseconds ?? 0)) / 1000
    row.flops += flops
    row.bytes += bytes
    kernels.set(name, row)
  })
  const profile = [...kernels.values()].sort((a, b) => b.ms - a.ms)
  const bytes = profile.reduce((sum, row) => sum + row.bytes, 0)
  return { profile, clock: first.clock, trace: first.chromeTrace(), perStep: { ...perStep, bytes } }
}

/** The network: two convolutions, each halved by a max pool, and a linear layer. Takes [n, 28, 28, 1]. */
function digitReader(): nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(1, 16, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(16, 32, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(7 * 7 * 32, 10),
  )
}

/** The digit that the network sees in each image, and how sure it is. */
async function readDigits(
  model: nn.Sequential,
  images: ArrayDataset<'x' | 'y'>,
): Promise<{ predictions: number[]; confidence: number[] }> {
  const predictions: number[] = []
  const confidence: number[] = []
  model.eval()
  for await (const { x } of new DataLoader(images, { batchSize: 250 })) {
    const logits = await noGrad(() => model.forward(x)).data()
    for (let row = 0; row < logits.length; row += 10) {
      const scores = Array.from(logits.slice(row, row + 10))
      const best = Math.max(...scores)
      predictions.push(scores.indexOf(best))
      confidence.push(1 / scores.reduce((sum, score) => sum + Math.exp(score - best), 0))
    }
  }
  model.train()
  return { predictions, confidence }
}

function split({ images, labels, train: n, test }: Digits): Record<'trainSet' | 'testSet', ArrayDataset<'x' | 'y'>> {
  const all = imageDataset(
    { dtype: 'u8', shape: [labels.length, 28, 28], data: images },
    { dtype: 'u8', shape: [labels.length], data: labels },
  )
  return { trainSet: all.slice(0, n), testSet: all.slice(labels.length - test) }
}

/** What a device turned out to be, for people. */
export function reportAdapter({ info }: Device, where: string): AdapterReport {
  return { name: info.description, software: info.software, where }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function share(read: readonly number[], labels: Uint8Array): number {
  return read.filter((digit, i) => digit === labels[i]).length / read.length
}
