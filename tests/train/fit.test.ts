import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DataLoader, type HostArray } from '../../src/data/index.ts'
import { compile, type Device, manualSeed, openDevice, type Tensor, tensor } from '../../src/index.ts'
import {
  AdamW,
  cosineAnnealingLR,
  ExponentialMovingAverage,
  GradientAccumulator,
  LRScheduler,
  ReduceLROnPlateau,
  SGD,
} from '../../src/optim/index.ts'
import {
  accuracy,
  type Callback,
  EarlyStopping,
  evaluate,
  type FitEnd,
  type FitOptions,
  fit,
  type History,
  type Metric,
  memoryStore,
  type StepLog,
} from '../../src/train/index.ts'
import { signLoss, signNetwork, signTable } from './tables.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

/** 70 samples in batches of 16: four whole ones and one of 6. */
function trainLoader(): DataLoader<'x' | 'y'> {
  return new DataLoader(signTable(70, 1), { batchSize: 16, shuffle: true, seed: 5 })
}

function validLoader(): DataLoader<'x' | 'y'> {
  return new DataLoader(signTable(50, 2), { batchSize: 32 })
}

/** A short training from always the same weights. */
async function run(options: Partial<FitOptions<'x' | 'y'>> = {}, lr = 1e-2): Promise<History> {
  manualSeed(1)
  const model = signNetwork()
  const optimizer = new AdamW(model.parameters(), { lr })
  const length = options.steps === undefined ? { epochs: 2 } : {}
  return fit(model, trainLoader(), { loss: signLoss, optimizer, ...length, ...options })
}

describe('a training', () => {
  test('has the bits of the loop that it stands for', async () => {
    manualSeed(1)
    const model = signNetwork()
    const optimizer = new AdamW(model.parameters(), { lr: 1e-2 })
    const scheduler = new LRScheduler(optimizer, cosineAnnealingLR(15))
    const step = compile((x: Tensor, y: Tensor) => {
      const loss = signLoss(model.forward(x), { y })
      optimizer.minimize(loss)
      return loss
    })
    const loader = trainLoader()
    const steps: StepLog[] = []
    const means: number[] = []
    for (let epoch = 1; epoch <= 3; epoch++) {
      let sum = 0
      for await (const { x, y } of loader) {
        const { lr } = optimizer
        const loss = await step(x, y).item()
        scheduler.step()
        steps.push({ step: steps.length + 1, epoch, lr, loss })
        sum += loss * (x.shape[0] as number)
      }
      means.push(sum / 70)
    }

    manualSeed(1)
    const same = signNetwork()
    const own = new AdamW(same.parameters(), { lr: 1e-2 })
    const history = await fit(same, trainLoader(), {
      loss: signLoss,
      optimizer: own,
      scheduler: new LRScheduler(own, cosineAnnealingLR(15)),
      epochs: 3,
      validation: validLoader(),
      metrics: { accuracy: accuracy() },
    })
    expect(history).toMatchObject({ steps, outcome: 'finished', reason: null })
    expect(history.epochs.map((e) => e.loss)).toEqual(means)
    expect(await same.stateDict()).toEqual(await model.stateDict())
    expect(same.training).toBe(true)

    model.eval()
    const { data, shape } = signTable(50, 2).fields.x
    const logits = await model.forward(tensor(data, { shape })).data()
    const labels = signTable(50, 2).fields.y.data
    const right = labels.filter((y, i) => Number((logits[2 * i + 1] as number) > (logits[2 * i] as number)) === y)
    expect(history.epochs.at(-1)).toMatchObject({ epoch: 3, step: 15, lr: own.lr, accuracy: right.length / 50 })
    const measured = await evaluate(same, validLoader(), { loss: signLoss })
    expect(measured.loss).toBe(history.epochs.at(-1)?.valLoss)
  })

  test('learns', async () => {
    const history = await run({
      epochs: 40,
      validation: validLoader(),
      metrics: { accuracy: accuracy() },
      trainMetrics: { accuracy: accuracy() },
    })
    const last = history.epochs.at(-1)
    expect(last?.accuracy).toBeGreaterThan(0.85)
    expect(last?.trainAccuracy).toBeGreaterThan(0.8)
    expect(last?.loss).toBeLessThan(0.5 * (history.epochs[0]?.loss as number))
  })

  test('measures outputs of the steps themselves, batch by batch', async () => {
    const rows: number[] = []
    const watching: Metric = {
      update: (output, target) => void rows.push(output.shape[0] as number, target.data.length),
      compute: () => rows.length / 2,
      reset: () => {},
    }
    const { epochs } = await run({ epochs: 1, trainMetrics: { batches: watching } })
    expect(rows).toEqual([16, 16, 16, 16, 16, 16, 16, 16, 6, 6])
    expect(epochs[0]?.trainBatches).toBe(5)
  })

  test('compiles all its plans before the first step', async () => {
    const seen: string[] = []
    let progress: [number, number] = [0, 0]
    const watch: Callback = {
      onFitStart: () => void seen.push('start'),
      onPrepare: (done, total) => {
        progress = [done, total]
      },
      onStep: ({ step }) => void seen.push(step === 1 ? `${progress[0] === progress[1]} ${progress[1] > 20}` : '.'),
      onEpochEnd: () => void seen.push('epoch'),
      onFitEnd: ({ outcome }) => void seen.push(outcome),
    }
    await run({ epochs: 1, validation: validLoader(), callbacks: [watch] })
    expect(seen).toEqual(['start', 'true true', '.', '.', '.', '.', 'epoch', 'finished'])
  })

  test('of so many steps may end within an epoch, and is measured there', async () => {
    const { steps, epochs } = await run({ steps: 7, validation: validLoader() })
    expect(steps.map((s) => s.epoch)).toEqual([1, 1, 1, 1, 1, 2, 2])
    expect(epochs.map(({ epoch, step }) => [epoch, step])).toEqual([
      [1, 5],
      [2, 7],
    ])
    expect(epochs[1]?.valLoss).toBeGreaterThan(0)
  })

  test('accumulates gradients, and averages weights after each update alone', async () => {
    manualSeed(1)
    const model = signNetwork()
    const optimizer = new SGD(model.parameters(), { lr: 0.5 })
    const scheduler = new LRScheduler(optimizer, (step, lr) => lr / (step + 1))
    const average = new ExponentialMovingAverage(optimizer, 0)
    const accumulator = new GradientAccumulator(optimizer, 4)
    const { steps } = await fit(model, trainLoader(), {
      loss: signLoss,
      optimizer,
      accumulator,
      average,
      scheduler,
      steps: 6,
    })
    expect(optimizer.steps).toBe(1)
    expect(accumulator.pending).toBe(2)
    expect(steps.map((s) => s.lr)).toEqual([0.5, 0.5, 0.5, 0.5, 0.25, 0.25])
    // With a decay of 0 the average is the weights of the last update, from which micro-batches move neither.
    const weights = await model.stateDict()
    const averages = await average.stateDict(model)
    for (const [key, entry] of Object.entries(averages)) expect(entry.data, key).toEqual(weights[key]?.data)
  })

  test('lowers the rate on a plateau of what is monitored', async () => {
    manualSeed(1)
    const model = signNetwork()
    const optimizer = new SGD(model.parameters(), { lr: 0.1 })
    const scheduler = new ReduceLROnPlateau(optimizer, { patience: 1, factor: 0.5 })
    const flat: Metric = { update: () => {}, compute: () => 1, reset: () => {} }
    const options = {
      ...{ loss: signLoss, optimizer, scheduler },
      ...{ validation: validLoader(), metrics: { flat }, monitor: 'flat' },
    }
    const { epochs } = await fit(model, trainLoader(), { ...options, epochs: 4 })
    expect(epochs.map((e) => e.lr)).toEqual([0.1, 0.1, 0.1, 0.05])
    // An epoch that was cut short is not looked at.
    const again = new SGD(model.parameters(), { lr: 0.1 })
    const fresh = new ReduceLROnPlateau(again, { patience: 1, factor: 0.5 })
    await fit(model, trainLoader(), { ...options, optimizer: again, scheduler: fresh, steps: 12 })
    expect(again.lr).toBe(0.1)
    const other = { ...options, optimizer: again, scheduler: fresh }
    await expect(fit(model, trainLoader(), { ...other, epochs: 1, monitor: 'f1' })).rejects.toThrow(
      'fit: there is no f1 to monitor; the logs have epoch, step, lr, loss, valLoss, flat',
    )
  })
})

describe('a training ends early', () => {
  test('with the step at hand when its signal says so', async () => {
    const controller = new AbortController()
    const abort: Callback = {
      onStep: ({ step }) => {
        if (step === 3) controller.abort()
      },
    }
    const history = await run({ epochs: 100, signal: controller.signal, callbacks: [abort] })
    expect(history.outcome).toBe('aborted')
    expect(history.steps.length).toBeGreaterThanOrEqual(3)
    expect(history.steps.length).toBeLessThan(50)
    expect((await run({ signal: AbortSignal.abort() })).steps).toEqual([])
  })

  test('when a callback stops it, and says why', async () => {
    const stop: Callback = { onEpochEnd: ({ epoch }, fitting) => (epoch === 2 ? fitting.stop('enough') : undefined) }
    const history = await run({ epochs: 9, callbacks: [stop] })
    expect(history).toMatchObject({ outcome: 'stopped', reason: 'enough' })
    expect(history.epochs).toHaveLength(2)
  })

  test('with the error of a callback, and tells the others', async () => {
    const ends: FitEnd[] = []
    const faulty: Callback = {
      onStep: ({ step }) => {
        if (step === 2) throw new Error('full disk')
      },
    }
    const { bytes } = device
    const alsoFaulty: Callback = {
      onFitEnd: () => {
        throw new Error('a second one')
      },
    }
    const callbacks = [faulty, alsoFaulty, { onFitEnd: (end: FitEnd) => void ends.push(end) }]
    await expect(run({ epochs: 50, callbacks })).rejects.toThrow('full disk')
    expect(ends).toMatchObject([{ outcome: 'failed', error: { message: 'full disk' } }])
    expect(device.bytes - bytes).toBeLessThan(2e6)
    await expect(run({ epochs: 1, callbacks: [alsoFaulty] })).rejects.toThrow('a second one')
  })

  test('with an error that names the step whose loss is not finite', async () => {
    const seen: number[] = []
    const watch: Callback = { onStep: ({ step }) => void seen.push(step) }
    const failing = run({ epochs: 9, callbacks: [watch] }, 1e30)
    await expect(failing).rejects.toThrow(
      /^fit: the loss of step \d+, in epoch 1, is (NaN|Infinity); lower the learning rate, clip gradients, or look for such values in the data$/,
    )
    const message = await failing.catch((error: Error) => error.message)
    expect(message).toContain(`step ${seen.length + 1},`)
    const history = await run({ epochs: 2, onNonFinite: 'continue' }, 1e30)
    expect(history.steps).toHaveLength(10)
    expect(history.steps.at(-1)?.loss).toBeNaN()
  })
})

describe('errors', () => {
  test('name what is missing or wrong', async () => {
    const model = signNetwork()
    const optimizer = new SGD(model.parameters(), { lr: 0.1 })
    const base = { loss: signLoss, optimizer }
    const messageOf = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'nothing thrown',
        (error: Error) => error.message,
      )
    const other = new DataLoader(signTable(20, 1), {
      batchSize: 4,
      map: ({ x, y }: Record<'x' | 'y', HostArray>): Record<'a' | 'b', HostArray> => ({ a: x, b: y }),
    })
    const short = { ...trainLoader(), length: 9, [Symbol.asyncIterator]: () => trainLoader()[Symbol.asyncIterator]() }
    expect([
      await messageOf(fit(model, trainLoader(), base)),
      await messageOf(fit(model, trainLoader(), { ...base, epochs: 1, steps: 1 })),
      await messageOf(fit(model, trainLoader(), { ...base, steps: 1.5 })),
      await messageOf(
        fit(model, new DataLoader(signTable(3, 1), { batchSize: 4, dropLast: true }), { ...base, epochs: 1 }),
      ),
      await messageOf(run({ validation: new DataLoader(signTable(3, 1), { batchSize: 4, dropLast: true }) })),
      await messageOf(fit(model, other, { ...base, loss: (output, { b }) => signLoss(output, { y: b }), epochs: 1 })),
      await messageOf(
        fit(model, other, {
          ...base,
          loss: (output, { b }) => signLoss(output, { y: b }),
          forward: ({ a }) => model.forward(a),
          trainMetrics: { accuracy: accuracy() },
          epochs: 1,
        }),
      ),
      await messageOf(fit(model, short, { ...base, epochs: 1 })),
      await messageOf(fit(model, short, { ...base, epochs: 1, checkpoint: { store: memoryStore() } })),
      await messageOf(run({ callbacks: [new EarlyStopping(), new EarlyStopping()] })),
      await messageOf(run({ callbacks: [new EarlyStopping()] })),
      await messageOf(run({ validation: validLoader(), metrics: { loss: accuracy() } })),
    ]).toMatchInlineSnapshot(`
      [
        "fit: neither epochs nor steps is given; give one of them",
        "fit: both epochs and steps are given; give one of them",
        "fit: steps is 1.5; it must be a whole number, 0 or more",
        "fit: the loader has no batches; give data, or a smaller batch where dropLast is set",
        "fit: the validation has no batches; give it data, or leave it out",
        "fit: the batches have a, b and no x; give \`forward\`",
        "fit: the batches have a, b and no y; give \`target\`",
        "fit: the loader gave 5 batches; its length says that there are 9",
        "fit: checkpoint is given and the loader has no place; give it state() and restore(), as DataLoader has",
        "fit: two callbacks are named earlyStopping; their states need names of their own",
        "EarlyStopping: there is no valLoss to monitor; the logs have epoch, step, lr, loss",
        "evaluate: a metric is named loss; logs have another value of this name",
      ]
    `)
  })
})
