import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  compile,
  type Device,
  mean,
  mseLoss,
  openDevice,
  setDefaultDevice,
  spec,
  square,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import { Linear, Sequential, Tanh } from '../../src/nn/index.ts'
import {
  AdamW,
  clipNorm,
  clipValue,
  decayGroups,
  ExponentialMovingAverage,
  GradientAccumulator,
  loadOptimizerState,
  optimizerState,
} from '../../src/optim/index.ts'
import { fakeDevice } from '../engine/fake-device.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

/** Runs `make` as on a device that binds `bytes` at most. */
function binding<T>(bytes: number, make: () => T): T {
  const { limits } = device
  const fewer = new Proxy(limits, {
    get: (own, name) => (name === 'maxStorageBufferBindingSize' ? bytes : Reflect.get(own, name, own)),
  })
  Object.defineProperty(device, 'limits', { value: fewer, configurable: true })
  try {
    return make()
  } finally {
    Object.defineProperty(device, 'limits', { value: limits, configurable: true })
  }
}

/** A network whose six parameters take 256, 256, 512, 256, 256 and 256 bytes of an arena, and all that trains it. */
function training(bytes: number) {
  const model = new Sequential(new Linear(6, 10), new Tanh(), new Linear(10, 12), new Tanh(), new Linear(12, 2))
  model.parameters().forEach((p, i) => {
    p.set(Float32Array.from({ length: p.size }, (_, k) => Math.sin(3.1 * k + i) / 2))
  })
  return binding(bytes, () => {
    const optimizer = new AdamW(decayGroups(model.parameters(), 0.1), { lr: 0.05 })
    optimizer.clip = clipValue(0.01)
    const accumulator = new GradientAccumulator(optimizer, 2)
    const average = new ExponentialMovingAverage(optimizer, 0.9)
    const step = compile((x: Tensor, y: Tensor) => {
      accumulator.minimize(mseLoss(model.forward(x), y))
      average.update()
    })
    const run = (from: number, to: number): void => {
      for (let t = from; t < to; t++) {
        const values = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.7 + t))
        step(tensor(values(24), { shape: [4, 6] }), tensor(values(8), { shape: [4, 2] }))
      }
    }
    const state = async () => ({
      weights: await model.stateDict(),
      optimizer: await optimizerState(optimizer, model),
      average: await average.stateDict(model),
      accumulator: await accumulator.state(model),
    })
    return { model, optimizer, accumulator, average, run, state }
  })
}

test('a device that binds little at once gets several arenas, which train to the same bits', async () => {
  const whole = training(2 ** 20)
  const cut = training(512)
  const single = training(1)
  const counts = [whole, cut, single].map(({ optimizer }) => optimizer.groups.map((g) => g.arenas.length))
  expect(counts).toEqual([
    [1, 1],
    [3, 2],
    [3, 3],
  ])
  for (const each of [whole, cut, single]) each.run(0, 5)
  const wanted = await whole.state()
  expect(await cut.state()).toEqual(wanted)
  expect(await single.state()).toEqual(wanted)
  expect(Object.keys(wanted.optimizer.moments)).toHaveLength(12)

  await cut.average.apply(async () => {
    expect(await cut.model.stateDict()).toEqual(wanted.average)
  })
})

test('what was saved with several arenas goes on with one', async () => {
  const cut = training(512)
  cut.run(0, 3)
  const { weights, optimizer, average, accumulator } = await cut.state()
  const whole = training(2 ** 20)
  whole.model.loadStateDict(weights)
  loadOptimizerState(whole.optimizer, whole.model, optimizer)
  whole.average.loadStateDict(whole.model, average)
  whole.accumulator.loadState(whole.model, accumulator)
  cut.run(3, 6)
  whole.run(3, 6)
  expect(await whole.state()).toEqual(await cut.state())
})

test('a norm is that of the gradients in all arenas', async () => {
  const norms = [2 ** 20, 512].map((bytes) => {
    const { model, optimizer } = training(bytes)
    const clip = clipNorm(1)
    optimizer.clip = clip
    const step = compile((x: Tensor) => {
      optimizer.minimize(mean(square(model.forward(x))))
      return clip.norm as Tensor
    })
    return step(tensor(new Float32Array(24).fill(1), { shape: [4, 6] })).item()
  })
  const [whole = 0, cut = 0] = await Promise.all(norms)
  expect(whole).toBeGreaterThan(0.1)
  expect(Math.abs(cut - whole) / whole).toBeLessThan(1e-6)
})

test('weights of more bytes than a binding train', async () => {
  const { device: small } = fakeDevice({}, { maxStorageBufferBindingSize: 2 ** 20 })
  setDefaultDevice(small)
  try {
    const model = new Sequential(new Linear(256, 512), new Linear(512, 256))
    const optimizer = new AdamW(model.parameters())
    const step = compile((x: Tensor) => {
      optimizer.minimize(mseLoss(model.forward(x), x))
    })
    await step.prepare([spec([8, 256])])
    // 512 KiB and 2 KiB, 512 KiB and 1 KiB.
    expect(optimizer.groups.map((g) => g.arenas.map((a) => a.elements))).toEqual([[131072 + 512, 131072 + 256]])
  } finally {
    setDefaultDevice(device)
    small.close()
  }
})
