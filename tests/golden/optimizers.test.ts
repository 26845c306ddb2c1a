import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { compile, crossEntropy, type Device, openDevice, type Tensor } from '../../src/index.ts'
import {
  Adagrad,
  Adam,
  AdamW,
  clipNorm,
  clipValue,
  cosineAnnealingLR,
  decayGroups,
  exponentialLR,
  GradientAccumulator,
  Lion,
  LRScheduler,
  linearLR,
  type Optimizer,
  oneCycleLR,
  ReduceLROnPlateau,
  RMSprop,
  type Schedule,
  SGD,
  sequentialLR,
  stepLR,
} from '../../src/optim/index.ts'
import { bound, readGolden } from './golden.ts'
import { batchTensors } from './models.ts'
import { loadedModel } from './training.ts'

interface Run {
  name: string
  optimizer: keyof typeof kinds
  options: Record<string, number | number[] | boolean> & { lr: number }
  schedule?: keyof typeof schedules | 'plateau'
  decayMatrices?: boolean
  clipNorm?: number
  clipValue?: number
  every?: number
  losses: number[]
  d: number[]
  rates: number[]
}

const kinds = { Adagrad, Adam, AdamW, Lion, RMSprop, SGD }

const schedules = {
  step: stepLR(4, 0.7),
  exponential: exponentialLR(0.95),
  cosine: cosineAnnealingLR(50, 1e-3),
  warmup: sequentialLR([linearLR(10, 0.1), cosineAnnealingLR(40)], [10]),
  oneCycle: oneCycleLR(51),
} satisfies Record<string, Schedule>

const golden = readGolden('mlp')
const file = new URL('./data/optim.json', import.meta.url)
const { runs } = JSON.parse(readFileSync(file, 'utf8')) as { runs: Run[] }

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

/** `weight_decay` -> `weightDecay` */
function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}

it.each(runs)('$name: losses and rates are those of PyTorch', async (run) => {
  const model = loadedModel(golden)
  const options = Object.fromEntries(Object.entries(run.options).map(([key, value]) => [camelCase(key), value]))
  const params = model.parameters()
  const given = run.decayMatrices ? decayGroups(params, run.options.weight_decay as number) : params
  const optimizer: Optimizer<{ lr: number }> = new kinds[run.optimizer](given, options as { lr: number })
  if (run.clipNorm) optimizer.clip = clipNorm(run.clipNorm)
  if (run.clipValue) optimizer.clip = clipValue(run.clipValue)
  const plateau = { factor: 0.5, patience: 2, cooldown: 3, threshold: 0.01 }
  const scheduler =
    run.schedule === 'plateau'
      ? new ReduceLROnPlateau(optimizer, plateau)
      : run.schedule
        ? new LRScheduler(optimizer, schedules[run.schedule])
        : null
  const { every = 1 } = run
  const trainer = every > 1 ? new GradientAccumulator(optimizer, every) : optimizer
  const step = compile(
    (x: Tensor, y: Tensor) => {
      const loss = crossEntropy(model.forward(x), y)
      trainer.minimize(loss)
      return { loss }
    },
    { verify: 1 },
  )

  const [first = 0] = run.losses
  for (const [s, expected] of run.losses.entries()) {
    const { x, y } = batchTensors(golden, s + 1)
    expect(Math.abs(optimizer.lr - (run.rates[s] ?? 0)), `rate of step ${s}`).toBeLessThan(1e-12)
    const loss = await step(x, y).loss.item()
    const allowed = bound(run.d[s] ?? 0) * Math.max(expected, 0.1 * first)
    expect(Math.abs(loss - expected), `loss of step ${s}`).toBeLessThanOrEqual(allowed)
    if ((s + 1) % every === 0) scheduler?.step(loss)
  }
  expect(optimizer.steps).toBe(50 / every)
})
