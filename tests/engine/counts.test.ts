import { beforeEach, describe, expect, test } from 'vitest'
import type { Device } from '../../src/gpu/device.ts'
import { runEffects } from '../../src/graph/realize.ts'
import { compile, readAll, setDefaultDevice, spec, type Tensor, tensor } from '../../src/index.ts'
import { Cell } from './cell.ts'
import { type FakeGpu, fakeDevice } from './fake-device.ts'

let gpu: FakeGpu
let device: Device

beforeEach(() => {
  const fake = fakeDevice()
  gpu = fake.gpu
  device = fake.device
  setDefaultDevice(device)
})

function ones(...shape: number[]): Tensor {
  return tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), { shape })
}

/** Dispatches that reading tensors takes. */
async function dispatchesOf(...tensors: Tensor[]): Promise<number> {
  const before = gpu.counts.dispatches
  await readAll(tensors)
  return gpu.counts.dispatches - before
}

describe('one dispatch is enough for', () => {
  test('a chain of elementwise ops', async () => {
    const x = ones(8, 9)
    expect(await dispatchesOf(x.mul(2).add(ones(9)).relu().sub(x).exp().neg())).toBe(1)
  })

  test('reshapes, permutations and slices on the way', async () => {
    const y = ones(4, 6)
      .transpose()
      .reshape([3, 8])
      .slice([null, [0, 8, 2]])
      .add(ones(3, 1))
    expect(await dispatchesOf(y)).toBe(1)
  })

  test('matmul, bias and activation', async () => {
    expect(await dispatchesOf(ones(8, 5).matmul(ones(5, 7)).add(ones(7)).relu())).toBe(1)
  })

  test('a sum of products and what follows it', async () => {
    const [x, y] = [ones(8, 5), ones(8, 5)]
    expect(await dispatchesOf(x.mul(y).sum(1))).toBe(1)
    expect(await dispatchesOf(x.mul(y).sum(1).mul(0.5).add(ones(8)))).toBe(1)
  })
})

test('an MLP forward takes one dispatch a layer', async () => {
  const layers = [ones(20, 16), ones(16, 16), ones(16, 4)]
  const bias = [ones(16), ones(16), ones(4)]
  let y = ones(32, 20)
  layers.forEach((w, i) => {
    y = y.matmul(w).add(bias[i] as Tensor)
    if (i < 2) y = y.relu()
  })
  expect(await dispatchesOf(y)).toBe(3)
})

test('what nothing needs, and what is needed twice, is not computed again', async () => {
  const x = ones(8, 8)
  const w = ones(8, 8)
  const unused = x.matmul(w).exp()
  expect(unused.shape).toEqual([8, 8])
  const [a, b] = [x.matmul(w), x.matmul(w)]
  // One product serves both sums.
  expect(await dispatchesOf(a.sum(), b.sum(0))).toBe(3)
})

test('constants fold and neutral ops vanish', async () => {
  const x = ones(4, 4)
  expect(await dispatchesOf(x.mul(1).add(0))).toBeLessThanOrEqual(1)
  await readAll([x.add(1)])
  const text = gpu.dispatches.length
  await readAll([x.add(1).mul(1).add(0)])
  expect(gpu.dispatches.length - text).toBe(1)
})

test('independent tensors are read in one submit and one readback', async () => {
  const x = ones(16)
  await readAll([x.add(1), x.mul(2), x.sum()])
  gpu.reset()
  await readAll([x.add(3), x.mul(4), x.sub(5).sum()])
  expect(gpu.counts.submits).toBe(2)
  expect(gpu.counts.passes).toBe(1)
})

/** A step with a gradient-like update of two cells, outputs and a late operand. */
function makeStep(): { step: (x: Tensor) => { loss: Tensor; y: Tensor }; prepare: () => Promise<unknown> } {
  const w = new Cell(ones(12, 6), 'w')
  const b = new Cell(ones(6), 'b')
  const step = compile((x: Tensor) => {
    const y = x.matmul(w).add(b).relu()
    const loss = y.mean()
    w.assign(w.sub(x.transpose().matmul(y).mul(0.1)))
    b.assign(b.sub(y.sum(0).mul(0.1)))
    return { loss, y }
  })
  return { step, prepare: () => step.prepare({ x: spec([4, 12]) }) }
}

test('a prepared step compiles nothing, and from its second call on creates nothing', async () => {
  const { step, prepare } = makeStep()
  await prepare()
  expect(gpu.compilingAtMost).toBeGreaterThan(1)
  const { pipelines } = gpu.counts
  step(ones(4, 12))
  await device.idle()
  expect(gpu.counts.pipelines).toBe(pipelines)
  gpu.reset()
  const bytes = gpu.bytes
  for (let i = 0; i < 20; i++) step(ones(4, 12))
  await device.idle()
  expect(gpu.counts).toMatchObject({ buffers: 0, bindGroups: 0, layouts: 0, pipelines: 0, submits: 20, passes: 20 })
  expect(gpu.bytes).toBe(bytes)
})

test('losses read every step come back through the same staging buffers', async () => {
  const { step } = makeStep()
  for (let i = 0; i < 3; i++) await step(ones(4, 12)).loss.item()
  gpu.reset()
  for (let i = 0; i < 10; i++) await step(ones(4, 12)).loss.item()
  expect(gpu.counts).toMatchObject({ buffers: 0, bindGroups: 0, pipelines: 0, submits: 20 })
})

test('arguments from the host are written, arguments on the device are copied', async () => {
  const step = compile((x: Tensor) => x.mul(2))
  step(ones(64))
  await device.idle()
  const onDevice = ones(64).add(1)
  await onDevice.data()
  gpu.reset()
  step(ones(64))
  expect(gpu.counts).toMatchObject({ writes: 1, submits: 1, copies: 1, buffers: 0 })
  step(onDevice)
  expect(gpu.counts).toMatchObject({ writes: 1, submits: 2, copies: 3, buffers: 0 })
})

test('an assignment of an elementwise update is one dispatch, in place', async () => {
  const a = new Cell(ones(32), 'a')
  const step = compile(() => a.assign(a.mul(2).add(1)))
  step()
  await device.idle()
  gpu.reset()
  step()
  expect(gpu.counts).toMatchObject({ dispatches: 1, copies: 0, buffers: 0, bindGroups: 0 })
  expect(gpu.dispatches[0]?.bindings).toHaveLength(1)
})

test('outside of a step an assignment runs at once, by a plan that is found again', async () => {
  const a = new Cell(ones(32), 'a')
  runEffects(() => a.assign(a.mul(2)))
  await device.idle()
  gpu.reset()
  runEffects(() => a.assign(a.mul(2)))
  runEffects(() => a.assign(a.mul(2)))
  await device.idle()
  expect(gpu.counts).toMatchObject({ dispatches: 4, pipelines: 0, layouts: 0 })
})
