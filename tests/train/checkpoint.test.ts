import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { DataLoader } from '../../src/data/index.ts'
import { type Device, manualSeed, openDevice } from '../../src/index.ts'
import { openSafetensors } from '../../src/io/index.ts'
import { BatchNorm1d, Linear, type Module, Sequential } from '../../src/nn/index.ts'
import { Adam, type AdamW, GradientAccumulator, ReduceLROnPlateau } from '../../src/optim/index.ts'
import {
  type CheckpointStore,
  latestCheckpoint,
  loadCheckpoint,
  memoryStore,
  readCheckpoint,
  saveCheckpoint,
  type Training,
} from '../../src/train/index.ts'
import { rows, stateOf, training } from './small-training.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

test('a checkpoint holds the state of the call, while steps go on, and puts another training into it', async () => {
  manualSeed(5)
  const first = training()
  first.run(3)
  const store = memoryStore()
  const before = stateOf(first)
  const saving = saveCheckpoint(store, 'run', first, {
    step: 3,
    epoch: 1,
    extra: { seen: [1, Number.NaN, -0, -Infinity] },
  })
  first.run(4)
  first.average.decay = 0.2
  const saved = await before
  expect(await saving).toBe('run.000001.safetensors')

  const second = training()
  second.run(2)
  await expect(stateOf(second)).resolves.not.toEqual(saved)
  expect(await loadCheckpoint(store, 'run', second)).toEqual({
    step: 3,
    epoch: 1,
    extra: { seen: [1, Number.NaN, -0, -Infinity] },
    file: 'run.000001.safetensors',
  })
  expect(await stateOf(second)).toEqual(saved)
})

test('weights and moments are named by part and in PyTorch keys, and can be read without a training', async () => {
  const own = training()
  own.run(1)
  const store = memoryStore()
  const file = await saveCheckpoint(store, 'run', own, { step: 1 })
  const { names, metadata } = await openSafetensors((await store.read(file)) as Blob)
  for (const name of [
    'model.0.weight',
    'model.1.running_mean',
    'model.1.num_batches_tracked',
    'optimizer.0.weight.exp_avg_sq',
    'accumulator.3.bias',
    'average.3.bias',
  ])
    expect(names).toContain(name)
  expect(metadata).toMatchObject({ format: 'wgrad.checkpoint', version: '1' })
  const checkpoint = await readCheckpoint(store, 'run')
  expect(checkpoint).toMatchObject({ step: 1, epoch: 0, extra: null, file })
  expect(checkpoint?.model).toEqual(await own.model.stateDict())
  expect(checkpoint?.average).toEqual(await own.average.stateDict(own.model))
  expect(await readCheckpoint(store, 'ru')).toBeNull()
  expect(await loadCheckpoint(memoryStore(), 'run', own)).toBeNull()
})

test('the newest files stay, in the order of saving whatever the step, and names do not meet', async () => {
  const { model } = training()
  const store = memoryStore()
  const save = (name: string, step: number, keep?: number): Promise<string> =>
    saveCheckpoint(store, name, { model }, { step }, { ...(keep && { keep }) })
  await Promise.all([10, 20, 30, 40].map((step) => save('run', step)))
  await save('run.1', 7)
  expect(await store.list()).toEqual(
    [2, 3, 4].map((n) => `run.00000${n}.safetensors`).concat('run.1.000001.safetensors'),
  )
  expect(await save('run', 0, 2)).toBe('run.000005.safetensors')
  expect(await latestCheckpoint(store, 'run')).toBe('run.000005.safetensors')
  expect(await readCheckpoint(store, 'run')).toMatchObject({ step: 0 })
  expect((await store.list()).filter((file) => !file.startsWith('run.1'))).toHaveLength(2)
  expect(await latestCheckpoint(store, 'other')).toBeNull()
})

test('a checkpoint that does not fit changes nothing and says why', async () => {
  const saved = training()
  saved.run(3)
  const store = memoryStore()
  const state = { at: 1 }
  const counting = { state: () => ({ ...state }), restore: (given: typeof state) => Object.assign(state, given) }
  const parts = { counting, last: { state: () => 'z', restore: () => {} } }
  await saveCheckpoint(store, 'run', { ...saved, parts }, { step: 3 })

  const own = training()
  own.run(1)
  state.at = 2
  const other: Module = new Sequential(new Linear(2, 4), new BatchNorm1d(4))
  const before = await stateOf(own)
  const refused = async (change: Partial<Training>, message: string): Promise<void> => {
    await expect(loadCheckpoint(store, 'run', { ...own, parts, ...change })).rejects.toThrow(
      `loadCheckpoint: run.000001.safetensors does not fit: ${message}`,
    )
    expect(await stateOf(own)).toEqual(before)
    expect(state).toEqual({ at: 2 })
  }
  await refused(
    { model: other },
    'loadStateDict: unexpected 3.bias [1], 3.weight [1, 3]; 0.weight is [3, 2] with 6 values',
  )
  const { optimizer, model } = own
  await refused(
    { optimizer: new Adam(model.parameters()) },
    'loadOptimizerState: the state is that of AdamW; the optimizer is Adam',
  )
  const unclipped = Object.assign(Object.create(optimizer) as AdamW, { clip: null })
  await refused(
    { optimizer: unclipped },
    'loadOptimizerState: the state clips gradients by norm; the optimizer by nothing',
  )
  const { optimizer: _, ...without } = { ...own, parts }
  await expect(loadCheckpoint(store, 'run', without)).rejects.toThrow(
    'does not fit: loadCheckpoint: optimizer: one in the checkpoint, none in the training; make them alike',
  )
  await refused(
    { accumulator: new GradientAccumulator(optimizer, 3) },
    'GradientAccumulator: the state takes 2 micro-batches for an update; make both alike: 3',
  )
  await refused({ scheduler: [] }, 'loadCheckpoint: schedulers: 1 in the checkpoint, 0 in the training')
  await refused(
    { scheduler: new ReduceLROnPlateau(optimizer) },
    'loadCheckpoint: fields of scheduler 0: base, step in the checkpoint, bad, best, cooling, lr in the training',
  )
  await refused(
    { loader: new DataLoader(rows, { batchSize: 3, shuffle: true }) },
    'loadCheckpoint: loader: {"length":3,"batchSize":4,"shuffle":true,"dropLast":false} in the checkpoint, {"length":4,"batchSize":3',
  )
  await refused(
    { parts: { counting } },
    'loadCheckpoint: parts: counting, last in the checkpoint, counting in the training',
  )
  const refuses = (): never => {
    throw new Error('not today')
  }
  await refused(
    { parts: { counting, last: { state: () => 'z', restore: refuses } } },
    'loadCheckpoint: a part refused its state: Error: not today',
  )
})

test('what is no plain data is refused when it is saved', async () => {
  const { model, optimizer, average } = training()
  const store = memoryStore()
  const save = (extra: unknown, name = 'run', step = 1): Promise<string> =>
    saveCheckpoint(store, name, { model }, { step, extra })
  await expect(save({ a: [() => 1] })).rejects.toThrow('saveCheckpoint: extra.a[0] is function; give plain data')
  await expect(save({ a: new Float32Array(2) })).rejects.toThrow(
    'saveCheckpoint: extra.a is Float32Array; give plain data',
  )
  await expect(save({ $number: 'NaN' })).rejects.toThrow('saveCheckpoint: extra has a field named $number; rename it')
  await expect(save(null, '../run')).rejects.toThrow('saveCheckpoint: the name is "../run"; use letters')
  await expect(save(null, 'run', -1)).rejects.toThrow(
    'saveCheckpoint: step is -1; it must be a whole number of at least 0',
  )
  average.swap()
  await expect(saveCheckpoint(store, 'run', { model, optimizer, average }, { step: 1 })).rejects.toThrow(
    'ExponentialMovingAverage.stateDict: the averages stand in place of the weights',
  )
  expect(await store.list()).toEqual([])
  expect(await save({ left: undefined, list: [{ deep: '\u2028' }] })).toBe('run.000001.safetensors')
  expect((await readCheckpoint(store, 'run'))?.extra).toEqual({ list: [{ deep: '\u2028' }] })
})

test('a store that cannot write or remove is told of, and what was there stays', async () => {
  const { model } = training()
  const store = memoryStore()
  await saveCheckpoint(store, 'run', { model }, { step: 1 })
  const full: CheckpointStore = {
    ...store,
    write: async () => {
      throw new Error('no room')
    },
  }
  await expect(saveCheckpoint(full, 'run', { model }, { step: 2 })).rejects.toThrow('no room')
  expect(await readCheckpoint(full, 'run')).toMatchObject({ step: 1 })
  const stuck: CheckpointStore = {
    ...store,
    delete: async () => {
      throw new Error('it is held')
    },
  }
  const warnings: string[] = []
  await saveCheckpoint(
    stuck,
    'run',
    { model },
    { step: 2 },
    { keep: 1, onWarning: (message) => warnings.push(message) },
  )
  expect(warnings).toEqual([
    'saveCheckpoint: run.000001.safetensors could not be removed (Error: it is held); it will be tried again',
  ])
  expect(await readCheckpoint(store, 'run')).toMatchObject({ step: 2 })
})

test('kernels that the device does not have are told of when a step needs them', async () => {
  const own = training()
  own.run(1)
  const store = memoryStore()
  const [work, taken] = Object.entries(device.variants.used()).find(([name]) => name.startsWith('matmul')) ?? []
  const used = vi.spyOn(device.variants, 'used').mockReturnValue({ [work as string]: 'of-another-gpu' })
  await saveCheckpoint(store, 'run', own, { step: 1 })
  used.mockRestore()
  const warnings: string[] = []
  const other = training()
  await loadCheckpoint(store, 'run', other, { onWarning: (message) => warnings.push(message) })
  other.run(2)
  device.variants.unpin()
  expect(warnings).toEqual([
    `loadCheckpoint: the kernel 'of-another-gpu' for ${work} is not available on this device; '${taken}' runs, and bits may differ`,
  ])
})

test('a kernel that is pinned stays so over several stops, also where no step has needed it yet', async () => {
  const own = training()
  const store = memoryStore()
  device.variants.pin({ 'matmul of the last batch': 'chosen' })
  await saveCheckpoint(store, 'run', own, { step: 1 })
  for (const step of [2, 3]) {
    device.variants.unpin()
    await loadCheckpoint(store, 'run', own)
    expect(device.variants.pinned()).toMatchObject({ 'matmul of the last batch': 'chosen' })
    await saveCheckpoint(store, 'run', own, { step })
  }
  device.variants.unpin()
})
