import { beforeEach, describe, expect, test } from 'vitest'
import { DataLoader } from '../../src/data/index.ts'
import { setDefaultDevice } from '../../src/index.ts'
import { AdamW } from '../../src/optim/index.ts'
import { accuracy, evaluate, fit } from '../../src/train/index.ts'
import { type FakeGpu, fakeDevice } from '../engine/fake-device.ts'
import { signLoss, signNetwork, signTable } from './tables.ts'

let gpu: FakeGpu
/** Readbacks that have been asked for and not been given. */
let maps: (() => void)[]
let mapped: number

beforeEach(() => {
  const fake = fakeDevice()
  gpu = fake.gpu
  setDefaultDevice(fake.device)
  maps = []
  mapped = 0
  const create = gpu.handle.createBuffer.bind(gpu.handle)
  gpu.handle.createBuffer = (descriptor) =>
    Object.assign(create(descriptor), {
      mapAsync: (): Promise<undefined> => {
        mapped++
        return new Promise((resolve) => maps.push(() => resolve(undefined)))
      },
    })
})

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve))
}

describe('no step waits for a loss', () => {
  test('steps go on until the ring is full of losses that have not come', async () => {
    const model = signNetwork()
    const optimizer = new AdamW(model.parameters())
    const steps: number[] = []
    const fitting = fit(model, new DataLoader(signTable(1600, 1), { batchSize: 16 }), {
      loss: signLoss,
      optimizer,
      steps: 100,
      callbacks: [{ onStep: ({ step }) => void steps.push(step) }],
    })
    while (optimizer.steps === 0) await settle()
    await settle()
    expect({ taken: optimizer.steps, known: steps.length, mapped }).toEqual({ taken: 32, known: 0, mapped: 1 })

    // The first reading brings one loss, the second all that have gathered; so much further the steps go.
    maps.shift()?.()
    await settle()
    expect({ taken: optimizer.steps, known: steps.length, mapped }).toEqual({ taken: 33, known: 1, mapped: 2 })
    gpu.reset()
    maps.shift()?.()
    await settle()
    expect({ taken: optimizer.steps, known: steps.length, mapped }).toEqual({ taken: 64, known: 32, mapped: 3 })
    expect(gpu.counts).toMatchObject({ bindGroups: 0, pipelines: 0 })
    // A submit for each step, and one for the reading.
    expect(gpu.counts.submits).toBe(31 + 1)

    for (; steps.length < 100; await settle()) maps.shift()?.()
    const { outcome } = await fitting
    expect({ outcome, mapped, steps }).toMatchObject({ outcome: 'finished', steps: Array.from(steps, (_, i) => i + 1) })
    expect(mapped).toBeLessThan(10)
  })

  test('nor does a batch that is measured', async () => {
    const model = signNetwork()
    let updates = 0
    const counting = accuracy()
    const evaluating = evaluate(model, new DataLoader(signTable(80, 1), { batchSize: 4 }), {
      loss: signLoss,
      metrics: {
        accuracy: {
          ...counting,
          update: (output, target) => {
            updates++
            counting.update(output, target)
          },
        },
      },
    })
    while (mapped === 0) await settle()
    gpu.reset()
    await settle()
    expect({ mapped, updates }).toEqual({ mapped: 1, updates: 0 })
    for (; updates < 20; await settle()) maps.shift()?.()
    // One output, the seven that gathered meanwhile, and so on.
    expect(mapped).toBe(6)
    expect(await evaluating).toMatchObject({ loss: 0 })
  })
})
