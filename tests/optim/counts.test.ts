import { beforeEach, expect, test } from 'vitest'
import {
  compile,
  type Device,
  type StepCost,
  setDefaultDevice,
  spec,
  square,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import { Linear, ReLU, Sequential } from '../../src/nn/index.ts'
import {
  Adagrad,
  AdamW,
  clipNorm,
  clipValue,
  decayGroups,
  ExponentialMovingAverage,
  GradientAccumulator,
  Lion,
  LRScheduler,
  type Optimizer,
  RMSprop,
  SGD,
  stepLR,
} from '../../src/optim/index.ts'
import { type FakeGpu, fakeDevice } from '../engine/fake-device.ts'

let gpu: FakeGpu
let device: Device

beforeEach(() => {
  const fake = fakeDevice()
  gpu = fake.gpu
  device = fake.device
  setDefaultDevice(device)
})

type AnyOptimizer = Optimizer<{ lr: number }>

function network(width = 16): Sequential {
  return new Sequential(new Linear(20, width), new ReLU(), new Linear(width, width), new ReLU(), new Linear(width, 4))
}

function input(): Tensor {
  return tensor(new Float32Array(32 * 20), { shape: [32, 20] })
}

/** What a step costs in which `update` follows the loss. */
async function costOf(model: Sequential, update: (loss: Tensor) => void): Promise<StepCost> {
  const step = compile((x: Tensor) => {
    const loss = square(model.forward(x)).mean()
    update(loss)
    return { loss }
  })
  return step.prepare({ x: spec([32, 20]) })
}

/** Dispatches of a training step of the network beyond those of plain SGD. */
async function extra(make: (model: Sequential) => (loss: Tensor) => void, width?: number): Promise<number> {
  const plain = network(width)
  const sgd = new SGD(plain.parameters(), { lr: 0.1 })
  const [base, model] = [await costOf(plain, (loss) => sgd.minimize(loss)), network(width)]
  return (await costOf(model, make(model))).dispatches - base.dispatches
}

const clipped = (optimizer: AnyOptimizer, clip: AnyOptimizer['clip']) => {
  optimizer.clip = clip
  return (loss: Tensor): void => optimizer.minimize(loss)
}

test('each optimizer updates all parameters in one dispatch', async () => {
  const makers: ((model: Sequential) => AnyOptimizer)[] = [
    (m) => new AdamW(m.parameters()),
    (m) => new RMSprop(m.parameters()),
    (m) => new RMSprop(m.parameters(), { centered: true, momentum: 0.9 }),
    (m) => new Adagrad(m.parameters()),
    (m) => new Lion(m.parameters()),
  ]
  for (const make of makers) expect(await extra((m) => clipped(make(m), null))).toBe(0)
})

test('a group more is a dispatch more', async () => {
  expect(await extra((m) => clipped(new AdamW(decayGroups(m.parameters(), 0.1)), null))).toBe(1)
})

test('clipping by value joins the update, by norm takes one dispatch more, or two for many weights', async () => {
  expect(await extra((m) => clipped(new AdamW(m.parameters()), clipValue(1)))).toBe(0)
  expect(await extra((m) => clipped(new AdamW(m.parameters()), clipNorm(1)))).toBe(1)
  expect(await extra((m) => clipped(new AdamW(m.parameters()), clipNorm(1)), 512)).toBe(2)
  expect(await extra((m) => clipped(new AdamW(decayGroups(m.parameters(), 0.1)), clipNorm(1)))).toBe(3)
})

test('centered RMSprop, clipped twice at the end of an accumulation, keeps to the binding limit', async () => {
  const model = network()
  const optimizer = new RMSprop(model.parameters(), { centered: true, momentum: 0.9 })
  const [norm, value] = [clipNorm(1), clipValue(1)]
  optimizer.clip = { apply: (packed) => value.apply(norm.apply(packed)) }
  const accumulator = new GradientAccumulator(optimizer, 2)
  const step = compile((x: Tensor) => accumulator.minimize(square(model.forward(x)).mean()))
  step(input())
  step(input())
  await device.idle()
  const updates = gpu.dispatches.filter((d) => d.label.includes('Rmsprop'))
  expect(updates).toHaveLength(1)
  expect(Math.max(...gpu.dispatches.map((d) => d.bindings.length))).toBeLessThanOrEqual(8)
})

test('the average of the weights takes one dispatch', async () => {
  const more = await extra((m) => {
    const optimizer = new SGD(m.parameters(), { lr: 0.1 })
    const average = new ExponentialMovingAverage(optimizer)
    return (loss) => {
      optimizer.minimize(loss)
      average.update()
    }
  })
  expect(more).toBe(1)
})

test('accumulation has a plan for the first, the middle and the last micro-batch, each of as many dispatches as a step', async () => {
  const model = network()
  const optimizer = new SGD(model.parameters(), { lr: 0.1 })
  const accumulator = new GradientAccumulator(optimizer, 4)
  let traced = 0
  const step = compile((x: Tensor) => {
    traced++
    const loss = square(model.forward(x)).mean()
    accumulator.minimize(loss)
    return { loss }
  })
  const costs: number[] = []
  for (const pending of [0, 1, 2, 3]) {
    accumulator.pending = pending
    costs.push((await step.prepare({ x: spec([32, 20]) })).dispatches)
  }
  expect(new Set(costs).size).toBe(1)
  expect(traced).toBe(3)
})

test('a schedule and another limit change no plan', async () => {
  const model = network()
  const optimizer = new SGD(model.parameters(), { lr: 1 })
  const clip = clipNorm(1)
  optimizer.clip = clip
  const scheduler = new LRScheduler(optimizer, stepLR(1, 0.5))
  let traced = 0
  const step = compile((x: Tensor) => {
    traced++
    const loss = square(model.forward(x)).mean()
    optimizer.minimize(loss)
    return optimizer.clip === clip && clip.norm ? [loss, clip.norm] : [loss]
  })
  for (let i = 0; i < 4; i++) {
    step(input())
    scheduler.step()
    clip.max *= 2
  }
  expect(optimizer.lr).toBe(1 / 16)
  expect(traced).toBe(1)
  optimizer.clip = null
  step(input())
  expect(traced).toBe(2)
})
