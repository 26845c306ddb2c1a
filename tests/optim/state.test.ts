import { afterAll, beforeAll, expect, test } from 'vitest'
import { compile, type Device, mseLoss, openDevice, type Tensor, tensor } from '../../src/index.ts'
import { BatchNorm2d, Conv2d, Flatten, Linear, Sequential } from '../../src/nn/index.ts'
import {
  AdamW,
  clipNorm,
  decayGroups,
  ExponentialMovingAverage,
  GradientAccumulator,
  loadOptimizerState,
  type OptimizerState,
  optimizerState,
  RMSprop,
  SGD,
} from '../../src/optim/index.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

function network(): Sequential {
  return new Sequential(new Conv2d(3, 4, 2), new BatchNorm2d(4), new Flatten(), new Linear(16, 2))
}

/** Batch `t`: values that differ from batch to batch. */
function batch(t: number): { x: Tensor; y: Tensor } {
  const values = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.7 + t * 13.1))
  return { x: tensor(values(4 * 27), { shape: [4, 3, 3, 3] }), y: tensor(values(8), { shape: [4, 2] }) }
}

/** A training run that can be stopped after any micro-batch. */
class Training {
  readonly model: Sequential = network()
  readonly optimizer: AdamW = new AdamW(decayGroups(this.model.parameters(), 0.1), { lr: 0.01 })
  readonly accumulator: GradientAccumulator = new GradientAccumulator(this.optimizer, 2)
  readonly average: ExponentialMovingAverage = new ExponentialMovingAverage(this.optimizer, 0.9)
  readonly step: (x: Tensor, y: Tensor) => void

  constructor() {
    this.optimizer.clip = clipNorm(0.5)
    this.step = compile((x: Tensor, y: Tensor) => {
      this.accumulator.minimize(mseLoss(this.model.forward(x), y))
      this.average.update()
    })
  }

  run(from: number, to: number): void {
    for (let t = from; t < to; t++) {
      const { x, y } = batch(t)
      this.step(x, y)
    }
  }

  async state() {
    const { model, optimizer, accumulator, average } = this
    return {
      weights: await model.stateDict(),
      optimizer: await optimizerState(optimizer, model),
      accumulator: await accumulator.state(model),
      average: await average.stateDict(model),
    }
  }

  load(state: Awaited<ReturnType<Training['state']>>): void {
    this.model.loadStateDict(state.weights)
    loadOptimizerState(this.optimizer, this.model, state.optimizer)
    this.accumulator.loadState(this.model, state.accumulator)
    this.average.loadStateDict(this.model, state.average)
  }
}

test('a run that stops in the middle of an accumulation and goes on elsewhere has the same bits', async () => {
  const whole = new Training()
  const start = await whole.state()
  whole.run(0, 11)
  const first = new Training()
  first.load(start)
  first.run(0, 5)
  expect(first.optimizer.groups.map((g) => g.options.weightDecay)).toEqual([0.1, 0])
  const stopped = await first.state()
  expect(stopped.accumulator.pending).toBe(1)
  expect(stopped.optimizer.steps).toBe(2)
  const second = new Training()
  second.optimizer.lr = 1
  second.load(stopped)
  expect(second.optimizer.lr).toBe(0.01)
  second.run(5, 11)
  expect(await second.state()).toEqual(await whole.state())
})

test('moments are kept under the keys and in the layout of PyTorch', async () => {
  const model = network()
  const [weight] = model.parameters()
  const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 })
  // The gradient of a weight [out, kh, kw, in] is its own position in memory.
  optimizer.step(
    model.parameters().map((p) =>
      tensor(
        Float32Array.from({ length: p.size }, (_, i) => i),
        { shape: p.shape },
      ),
    ),
  )
  const { moments } = await optimizerState(optimizer, model)
  expect(Object.keys(moments)).toEqual(model.namedParameters().map(([key]) => `${key}.momentum_buffer`))
  const entry = moments['0.weight.momentum_buffer']
  expect(weight?.shape).toEqual([4, 2, 2, 3])
  expect(entry?.shape).toEqual([4, 3, 2, 2])
  // In the file (o, i, h, w) = (1, 2, 0, 1), in memory (1, 0, 1, 2).
  expect(entry?.data[1 * 12 + 2 * 4 + 0 * 2 + 1]).toBe(1 * 12 + 0 * 6 + 1 * 3 + 2)
})

test('a state that does not fit changes nothing and says what is wrong', async () => {
  const model = new Sequential(new Linear(2, 3))
  const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 })
  optimizer.step(model.parameters().map((p) => p.mul(0).add(1)))
  const state = await optimizerState(optimizer, model)
  const load = (change: Partial<OptimizerState>) => () => loadOptimizerState(optimizer, model, { ...state, ...change })
  const { '0.weight.momentum_buffer': weight, ...others } = state.moments
  expect(load({ moments: { ...others, odd: { shape: [1], data: [0] } } })).toThrow(
    'loadOptimizerState: missing 0.weight.momentum_buffer [3, 2]; unexpected odd; load the state of the same optimizer and architecture',
  )
  expect(
    load({ moments: { ...others, '0.weight.momentum_buffer': { shape: [2, 3], data: weight?.data ?? [] } } }),
  ).toThrow(
    'loadOptimizerState: 0.weight.momentum_buffer is [2, 3] with 6 values, it must be [3, 2]; load the state of the same optimizer and architecture',
  )
  expect(load({ options: [] })).toThrow(
    'loadOptimizerState: the state has 0 groups; the optimizer has 1: make them alike',
  )
  await expect(optimizerState(optimizer, network())).rejects.toThrow(
    'optimizerState: Linear.weight [3, 2] is not in the model; give the model that is trained',
  )
  expect(await optimizerState(optimizer, model)).toEqual(state)
})

test('averages stand in for the weights while an evaluation runs, and their use is checked', async () => {
  const model = new Sequential(new Linear(1, 1, { bias: false }))
  const [weight] = model.parameters()
  weight?.set([2])
  const optimizer = new RMSprop(model.parameters())
  const average = new ExponentialMovingAverage(optimizer, 0.5)
  weight?.set([4])
  const before = weight?.mul(1)
  average.update()
  expect(await average.apply(() => model.forward(tensor([[1]])).item())).toBe(3)
  expect(await before?.item()).toBe(4)
  expect(await weight?.item()).toBe(4)
  average.swap()
  expect(() => average.update()).toThrow(
    'ExponentialMovingAverage.update: the averages stand in place of the weights; call swap first, to have the weights back',
  )
  average.swap()
  average.reset()
  expect(await average.apply(() => weight?.item())).toBe(4)
})

test('eager steps clip and accumulate too', async () => {
  const model = new Sequential(new Linear(2, 1, { bias: false }))
  const [weight] = model.parameters()
  weight?.set([0, 0])
  const optimizer = new SGD(model.parameters(), { lr: 1 })
  optimizer.clip = clipNorm(1)
  const accumulator = new GradientAccumulator(optimizer, 2)
  accumulator.minimize(model.forward(tensor([[6, 0]])).sum())
  expect(Array.from((await weight?.data()) ?? [])).toEqual([0, 0])
  accumulator.minimize(model.forward(tensor([[0, 8]])).sum())
  const [a, b] = (await weight?.data()) ?? []
  expect(a).toBeCloseTo(-0.6, 5)
  expect(b).toBeCloseTo(-0.8, 5)
  expect(optimizer.steps).toBe(1)
})
