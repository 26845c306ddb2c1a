import { afterAll, beforeAll, expect, test } from 'vitest'
import { DataLoader } from '../../src/data/index.ts'
import { type Device, mul, openDevice, sum, type Tensor, tensor } from '../../src/index.ts'
import { Module, Parameter } from '../../src/nn/index.ts'
import { SGD } from '../../src/optim/index.ts'
import { type FitOptions, fit, type History } from '../../src/train/index.ts'
import { planted } from '../engine/planted.ts'
import { signTable } from './tables.ts'

let device: Device
let text: string | null = null
beforeAll(async () => {
  const write = async (value: string): Promise<void> => {
    text = value
  }
  device = await openDevice({ tuning: { read: async () => text, write } })
})
afterAll(() => device.close())

const double = planted('slow', 'sound')

/** Scales points that a kernel with a slow default doubles. */
class Scaled extends Module {
  readonly weight: Parameter = new Parameter(tensor([0.5, 0.25]))

  override forward(x: Tensor): Tensor {
    return mul(double(x), this.weight)
  }
}

/** Trains on two batches of 16 and one of 6. */
async function train(options: Partial<FitOptions<'x' | 'y'>>): Promise<History> {
  const model = new Scaled()
  return fit(model, new DataLoader(signTable(38, 1), { batchSize: 16 }), {
    loss: (output) => sum(output),
    optimizer: new SGD(model.parameters(), { lr: 1e-3 }),
    epochs: 1,
    ...options,
  })
}

test('a training measures its kernels first where that is asked for, those of all its batches', async () => {
  const stop = new AbortController()
  stop.abort()
  expect((await train({ tune: true, signal: stop.signal })).outcome).toBe('aborted')
  expect(device.variants.tuned()).toEqual([])
  await train({})
  expect(device.variants.used()['planted f32[16,2]']).toBe('slow')

  await train({ tune: { budgetMs: 50_000 }, validation: new DataLoader(signTable(9, 2), { batchSize: 9 }) })
  const tuned = Object.fromEntries(device.variants.tuned().map(({ work, taken }) => [work, taken]))
  expect(tuned).toMatchObject({
    'planted f32[16,2]': 'sound',
    'planted f32[6,2]': 'sound',
    'planted f32[9,2]': 'sound',
  })
  expect(device.variants.used()).toMatchObject(tuned)
  expect(Object.keys(JSON.parse(text as unknown as string).answers)).toHaveLength(Object.keys(tuned).length)
})
