import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DataLoader } from '../../src/data/index.ts'
import { type Device, openDevice } from '../../src/index.ts'
import type { Module } from '../../src/nn/index.ts'
import { SGD } from '../../src/optim/index.ts'
import { EarlyStopping, type EarlyStoppingOptions, type FitRun, fit, memoryStore } from '../../src/train/index.ts'
import { signLoss, signNetwork, signTable } from './tables.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

/** The epoch after which a training with these values would be stopped; null for not at all. */
async function stoppedAt(options: EarlyStoppingOptions, values: readonly number[]): Promise<number | null> {
  const stopping = new EarlyStopping(options)
  let at: number | null = null
  for (const [i, value] of values.entries()) {
    const epoch = i + 1
    const stop = (): void => {
      at ??= epoch
    }
    const run = { epoch, checkpoint: null, stop } as unknown as FitRun
    await stopping.onEpochEnd({ epoch, step: epoch, lr: 1, loss: 1, valLoss: value }, run)
  }
  return at
}

describe('a value stops the training', () => {
  test('once it has not improved for more epochs than are put up with', async () => {
    expect(await stoppedAt({ patience: 2 }, [5, 4, 4, 4.5, 4, 3])).toBe(5)
    expect(await stoppedAt({ patience: 2 }, [5, 4, 4, 4.5, 3.9, 4, 4, 4])).toBe(8)
    expect(await stoppedAt({ patience: 0 }, [5, 4, 4])).toBe(3)
    expect(await stoppedAt({ patience: 2 }, [3, 2, 1])).toBe(null)
  })

  test('by more than the least improvement, in either direction, and NaN is none', async () => {
    expect(await stoppedAt({ patience: 1, minDelta: 0.5 }, [5, 4.6, 4.4, 4.3, 4.2])).toBe(5)
    expect(await stoppedAt({ patience: 1, mode: 'max' }, [1, 2, 3, 3, 2])).toBe(5)
    expect(await stoppedAt({ patience: 1 }, [1, Number.NaN, Number.NaN])).toBe(3)
    expect(await stoppedAt({ patience: 1 }, [Number.NaN, Number.NaN])).toBe(2)
  })

  test('errors name the option', () => {
    expect(() => new EarlyStopping({ patience: -1 })).toThrow(
      'EarlyStopping: patience is -1; it must be a whole number, 0 or more',
    )
    expect(() => new EarlyStopping({ minDelta: Number.NaN })).toThrow(
      'EarlyStopping: minDelta is NaN; it must be at least 0',
    )
  })
})

describe('the best weights', () => {
  /** A training whose value is best in epoch 3, and the weights that it had there. */
  async function train(store: ReturnType<typeof memoryStore> | null, stopAt: number): Promise<[Module, unknown]> {
    const model = signNetwork(4)
    const scores = [1, 2, 5, 4, 3, 2, 1]
    let best: unknown = null
    let epochs = 0
    const { outcome } = await fit(model, new DataLoader(signTable(20, 1), { batchSize: 10 }), {
      loss: signLoss,
      optimizer: new SGD(model.parameters(), { lr: 0.1 }),
      epochs: 7,
      validation: new DataLoader(signTable(10, 1), { batchSize: 10 }),
      metrics: { score: { update: () => {}, reset: () => {}, compute: () => scores[epochs] as number } },
      callbacks: [
        {
          name: 'epochs',
          onEpochEnd: async ({ epoch }, run) => {
            if (epoch === 3) best = await model.stateDict()
            epochs = epoch
            if (epoch === stopAt) run.stop('interrupted')
          },
          state: () => epochs,
          restore: (state) => {
            epochs = state as number
          },
        },
        new EarlyStopping({ monitor: 'score', mode: 'max', patience: 2, restoreBest: true }),
      ],
      ...(store && { checkpoint: { store } }),
    })
    expect(outcome).toBe('stopped')
    expect(epochs).toBe(Math.min(stopAt, 6))
    return [model, best]
  }

  test('come back at the end', async () => {
    const [model, best] = await train(null, 99)
    expect(await model.stateDict()).toEqual(best)
  })

  test('come back from beside the checkpoints in a training that was resumed', async () => {
    const store = memoryStore()
    const [, best] = await train(store, 5)
    const [model, again] = await train(store, 99)
    expect(again).toBe(null)
    expect(await model.stateDict()).toEqual(best)
    // One that had ended takes no further step.
    const [third] = await train(store, 99)
    expect(await third.stateDict()).toEqual(best)
    for (const file of await store.list()) if (file.includes('-best')) await store.delete(file)
    await expect(train(store, 99)).rejects.toThrow(
      'EarlyStopping: the weights of epoch 3, the best, are gone; train without restoreBest',
    )
  })
})
