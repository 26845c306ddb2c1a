import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DataLoader } from '../../src/data/index.ts'
import { type Device, logFile, manualSeed, openDevice } from '../../src/node.ts'
import {
  AdamW,
  cosineAnnealingLR,
  ExponentialMovingAverage,
  GradientAccumulator,
  LRScheduler,
  optimizerState,
} from '../../src/optim/index.ts'
import {
  accuracy,
  type Callback,
  type CheckpointStore,
  type FitRun,
  fit,
  type History,
  jsonLines,
  memoryStore,
} from '../../src/train/index.ts'
import { signLoss, signNetwork, signTable } from './tables.ts'

let device: Device
let folder: string
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wgrad-logs-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** A training with all that has a state, of batches of 16, 16 and 8. */
function parts() {
  manualSeed(1)
  const model = signNetwork(8)
  const optimizer = new AdamW(model.parameters(), { lr: 1e-2 })
  const accumulator = new GradientAccumulator(optimizer, 3)
  const average = new ExponentialMovingAverage(optimizer, 0.9)
  const options = {
    ...{ loss: signLoss, optimizer, accumulator, average },
    scheduler: new LRScheduler(optimizer, cosineAnnealingLR(100)),
    validation: new DataLoader(signTable(20, 4), { batchSize: 20 }),
    metrics: { accuracy: accuracy() },
  }
  const loader = new DataLoader(signTable(40, 3), { batchSize: 16, shuffle: true, seed: 2 })
  /** Weights, moments, sums and averages. */
  const state = (): Promise<unknown> =>
    Promise.all([
      model.stateDict(),
      optimizerState(optimizer, model),
      accumulator.state(model),
      average.stateDict(model),
    ])
  return { model, loader, options, state }
}

interface Kept {
  readonly history: History
  readonly state: unknown
}

async function train(given: {
  steps: number
  store?: CheckpointStore
  every?: number
  log?: string
  callbacks?: Callback[]
  name?: string
}): Promise<Kept> {
  const { model, loader, options, state } = parts()
  const { steps, store, every, log, callbacks = [], name } = given
  const history = await fit(model, loader, {
    ...options,
    steps,
    callbacks: [...callbacks, ...(log ? [jsonLines(logFile(log), name === undefined ? {} : { name })] : [])],
    ...(store && { checkpoint: { store, ...(every && { every }) } }),
  })
  return { history, state: await state() }
}

describe('a training that is resumed', () => {
  test('has the bits and the log of one that never stopped, wherever it stopped', async () => {
    const whole = join(folder, 'whole.jsonl')
    const expected = await train({ steps: 30, log: whole })
    const text = readFileSync(whole, 'utf8')
    for (const stops of [[1, 17], [9]]) {
      const log = join(folder, `${stops}.jsonl`)
      const store = memoryStore()
      for (const steps of stops) await train({ steps, store, log })
      const kept = await train({ steps: 30, store, log })
      expect(kept.state).toEqual(expected.state)
      expect(kept.history.epochs).toEqual(expected.history.epochs)
      expect(kept.history.steps).toEqual(expected.history.steps.slice(stops.at(-1)))
      expect(readFileSync(log, 'utf8')).toBe(text)
    }
  })

  test('goes on from the last checkpoint after a crash, and its log repeats nothing', async () => {
    const whole = join(folder, 'whole.jsonl')
    const log = join(folder, 'log.jsonl')
    const expected = await train({ steps: 30, log: whole })
    const store = memoryStore()
    const crash: Callback = {
      name: 'crash',
      onStep: ({ step }) => {
        if (step === 20) throw new Error('power cut')
      },
    }
    await expect(train({ steps: 30, store, every: 6, log, callbacks: [crash] })).rejects.toThrow('power cut')
    expect((await store.list()).length).toBe(3)
    // What is left of a line that was being written.
    writeFileSync(log, '{"event":"st', { flag: 'a' })
    let first = 0
    const watch: Callback = {
      onFitStart: (run: FitRun) => {
        first = run.step
      },
    }
    const kept = await train({ steps: 30, store, every: 6, log, callbacks: [watch] })
    expect(first).toBe(18)
    expect(kept.state).toEqual(expected.state)
    expect(readFileSync(log, 'utf8')).toBe(readFileSync(whole, 'utf8'))
  })

  test('is aborted and goes on, and starts anew where it is told to', async () => {
    const expected = await train({ steps: 20 })
    const store = memoryStore()
    const controller = new AbortController()
    const pause: Callback = { onStep: ({ step }) => (step === 4 ? controller.abort() : undefined) }
    const { model, loader, options, state } = parts()
    const all = { ...options, steps: 20, checkpoint: { store } }
    const first = await fit(model, loader, { ...all, callbacks: [pause], signal: controller.signal })
    expect(first.outcome).toBe('aborted')
    // The same objects go on, as after a pause.
    const second = await fit(model, loader, all)
    expect([...first.steps, ...second.steps]).toEqual(expected.history.steps)
    expect(await state()).toEqual(expected.state)
    const anew = await fit(model, loader, { ...all, steps: 1, checkpoint: { store, resume: false } })
    expect(anew.steps.map((s) => s.step)).toEqual([1])
  })

  test('tells an error of its store', async () => {
    const store: CheckpointStore = {
      ...memoryStore(),
      write: () => Promise.reject(new Error('disk full')),
    }
    await expect(train({ steps: 9, store })).rejects.toThrow('disk full')
  })
})

describe('lines', () => {
  test('hold steps and epochs in order, numbers that JSON lacks as texts', async () => {
    const lines: unknown[] = []
    const log = jsonLines((line) => lines.push(JSON.parse(line)))
    const run = { step: 2 } as FitRun
    await log.onFitStart?.(run)
    log.onStep?.({ step: 1, epoch: 1, lr: 0.1, loss: 2.5 }, run)
    log.onStep?.({ step: 2, epoch: 1, lr: 0.1, loss: Number.NaN }, run)
    await log.onEpochEnd?.({ epoch: 1, step: 2, lr: 0.1, loss: Infinity, accuracy: 1 }, run)
    await log.onFitEnd?.({ outcome: 'failed', error: new Error('no') }, run)
    expect(lines).toEqual([
      { event: 'start' },
      { event: 'step', step: 1, epoch: 1, lr: 0.1, loss: 2.5 },
      { event: 'step', step: 2, epoch: 1, lr: 0.1, loss: 'NaN' },
      { event: 'epoch', epoch: 1, step: 2, lr: 0.1, loss: 'Infinity', accuracy: 1 },
      { event: 'end', outcome: 'failed', step: 2, error: 'Error: no' },
    ])
  })

  test('of another training are added behind those of the first', async () => {
    const log = join(folder, 'deep', 'log.jsonl')
    await train({ steps: 2, log })
    const once = readFileSync(log, 'utf8')
    await train({ steps: 2, log })
    expect(readFileSync(log, 'utf8')).toBe(once + once)
  })

  test('of trainings that share a file stay apart when they go on', async () => {
    const log = join(folder, 'log.jsonl')
    const stores = [memoryStore(), memoryStore()] as const
    const both = async (...steps: readonly [number, number]): Promise<void> => {
      for (const [i, store] of stores.entries()) await train({ steps: steps[i] ?? 0, store, log, name: `fold-${i}` })
    }
    const events = (): unknown[] =>
      readFileSync(log, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
        .map(({ event, name, step }) => [event, name ?? step].join(' '))
    await both(3, 3)
    const once = readFileSync(log, 'utf8')
    const block = ['step 1', 'step 2', 'step 3', 'epoch 3', 'end 3']
    expect(events()).toEqual(['start fold-0', ...block, 'start fold-1', ...block])
    await both(3, 3)
    expect(readFileSync(log, 'utf8')).toBe(once)
    await both(3, 4)
    await both(4, 4)
    expect(events()).toEqual([
      ...['start fold-0', ...block, 'start fold-1', ...block.slice(0, -1), 'step 4', 'epoch 4', 'end 4'],
      ...['start fold-0', 'step 4', 'epoch 4', 'end 4'],
    ])
  })

  test('of a log that is gone start anew', async () => {
    const log = join(folder, 'log.jsonl')
    const store = memoryStore()
    await train({ steps: 1, store, log })
    rmSync(log)
    await train({ steps: 2, store, log })
    const events = readFileSync(log, 'utf8').trimEnd().split('\n')
    expect(events.map((line) => JSON.parse(line)).map(({ event, step }) => [event, step])).toEqual([
      ['start', undefined],
      ['step', 2],
      ['epoch', 2],
      ['end', 2],
    ])
  })

  test('that cannot be written are an error that names the file', async () => {
    const file = logFile(join(folder, 'log'))
    file.append('one')
    await file.close()
    expect(await logFile(join(folder, 'log')).read()).toEqual(['one'])
    expect(() => logFile(join(folder, 'log', 'below')).append('x')).toThrow(
      /^logFile: .*below failed \(.*\); the lines before are whole$/,
    )
  })
})
