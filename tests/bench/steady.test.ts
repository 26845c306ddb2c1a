import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Cell } from '../../bench/cell.ts'
import { Counters } from '../../bench/counters.ts'
import type { StepTask, Task } from '../../bench/workload.ts'
import {
  compile,
  crossEntropy,
  type Device,
  openDevice,
  type StepCost,
  spec,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import { Conv2d, Flatten, Linear, MaxPool2d, type Module, ReLU, Sequential } from '../../src/nn/index.ts'
import { Adam } from '../../src/optim/index.ts'

// jax-js reads the name of its browser.
Object.defineProperty(navigator, 'userAgent', { value: 'Node', configurable: true })

let cell: Cell | null = null

afterEach(async () => {
  await cell?.close()
  cell = null
})

async function open(contestant: string, task: Task): Promise<Cell> {
  cell = new Cell(navigator.gpu)
  await cell.open(contestant, { count: true })
  const { lacks } = await cell.prepare(task)
  expect(lacks).toBeNull()
  return cell
}

test.each([
  ['mlp', 16, 12, 3],
  ['cnn', 4, 24, 2],
] as const)('a step of the %s creates nothing and takes few dispatches', async (model, batch, most, steps) => {
  const task: StepTask = { kind: 'step', model, batch, checked: 1 }
  const opened = await open('wgrad', task)
  await opened.time(2)
  const { perRun, bytes, loopMs, aroundMs } = await opened.usage(steps)
  expect(perRun).toMatchObject({ pipelines: 0, shaderModules: 0, buffers: 0, bindGroups: 0, mappings: 0 })
  expect(perRun.dispatches).toBeGreaterThan(5)
  expect(perRun.dispatches).toBeLessThanOrEqual(most)
  expect(perRun.submits).toBeLessThanOrEqual(3)
  expect(loopMs).toBeGreaterThan(0)
  expect(aroundMs).toBeGreaterThan(0)
  expect((await opened.usage(1)).bytes).toBe(bytes)
})

/** A product is one kernel in every engine: one dispatch with one bind group. */
test.each([
  ['wgrad', { dispatches: 1, bindGroups: 0, submits: 1 }],
  ['jax', { dispatches: 1, bindGroups: 1, submits: 1 }],
  ['tfjs', { dispatches: 1, bindGroups: 1 }],
])('what %s asks of WebGPU for a product is counted', async (contestant, counts) => {
  const opened = await open(contestant, { kind: 'matmul', m: 48, k: 32, n: 40 })
  await opened.time(2)
  expect((await opened.usage(8)).perRun).toMatchObject({ ...counts, pipelines: 0, shaderModules: 0 })
})

describe.each(['mlp', 'cnn'])('prepare of the %s', (name) => {
  const counters = new Counters()
  const build = (): Module =>
    name === 'mlp'
      ? new Sequential(new Flatten(), new Linear(784, 256), new ReLU(), new Linear(256, 10))
      : new Sequential(new Conv2d(1, 16, 3), new ReLU(), new MaxPool2d(2), new Flatten(), new Linear(13 * 13 * 16, 10))
  let device: Device
  let cost: StepCost
  let peak: number

  beforeAll(async () => {
    counters.install()
    device = await openDevice()
    const model = build()
    const optimizer = new Adam(model.parameters())
    const step = compile((x: Tensor, y: Tensor) => {
      const loss = crossEntropy(model.forward(x), y)
      optimizer.minimize(loss)
      return { loss }
    })
    cost = await step.prepare([spec([16, 28, 28, 1]), spec([16], 'i32')])
    counters.reset()
    const x = tensor(new Float32Array(16 * 784).fill(0.5), { shape: [16, 28, 28, 1] })
    step(x, tensor(new Int32Array(16)))
    await device.idle()
    peak = counters.peakBytes
  })

  afterAll(() => {
    device.close()
    counters.remove()
  })

  test('leaves nothing to compile', () => {
    expect(counters.counts).toMatchObject({ pipelines: 0, shaderModules: 0, buffers: 0, mappings: 0 })
    expect(counters.counts.dispatches).toBe(cost.dispatches)
  })

  test('tells the memory that is taken', () => {
    expect(Math.abs(cost.peakBytes - peak)).toBeLessThanOrEqual(0.02 * peak)
  })
})

test('counters see what is created and destroyed, until they are removed', async () => {
  const adapter = await navigator.gpu.requestAdapter()
  const device = (await adapter?.requestDevice()) as GPUDevice
  const counters = new Counters()
  const make = (): GPUBuffer => device.createBuffer({ size: 256, usage: GPUBufferUsage.COPY_DST })
  counters.install()
  const buffer = make()
  make()
  buffer.destroy()
  buffer.destroy()
  expect(counters.counts).toMatchObject({ buffers: 2, submits: 0 })
  expect([counters.bytes, counters.peakBytes]).toEqual([256, 512])
  counters.record()
  const encoder = device.createCommandEncoder()
  encoder.beginComputePass().end()
  device.queue.submit([encoder.finish()])
  expect(counters.counts).toMatchObject({ submits: 1, dispatches: 0 })
  expect(counters.recorded()).toEqual([])
  counters.remove()
  make()
  expect(counters.counts.buffers).toBe(2)
  device.destroy()
})
