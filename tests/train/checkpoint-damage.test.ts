import { afterAll, beforeAll, expect, test } from 'vitest'
import { random } from '../../src/data/index.ts'
import { type Device, openDevice, WgradError } from '../../src/index.ts'
import { openSafetensors, writeSafetensors } from '../../src/io/index.ts'
import { encodeFile } from '../../src/train/checkpoint-file.ts'
import { loadCheckpoint, memoryStore, readCheckpoint, saveCheckpoint } from '../../src/train/index.ts'
import { bytesOf, put, stateOf, training } from './small-training.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

test('a damaged file is passed over with a warning, wherever the damage is', async () => {
  const own = training()
  const store = memoryStore()
  const older = await saveCheckpoint(store, 'run', own, { step: 1 })
  own.run(1)
  const newer = await saveCheckpoint(store, 'run', own, { step: 2, extra: 'mark' })
  const whole = await bytesOf(store, newer)
  const header = 8 + Number(new DataView(whole.buffer).getBigUint64(0, true))
  const mark = new TextDecoder().decode(whole).indexOf('mark')
  const damages: [string, (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>, string][] = [
    ['cut', (bytes) => bytes.slice(0, -5), 'lies at'],
    ['empty', () => new Uint8Array(0), 'the file has 0 bytes'],
    ['a bit of a weight', (bytes) => bytes.map((b, i) => (i === header + 21 ? b ^ 1 : b)), 'the file is damaged'],
    ['a letter of the state', (bytes) => bytes.map((b, i) => (i === mark ? b ^ 1 : b)), 'the file is damaged'],
  ]
  for (const [what, damage, why] of damages) {
    await put(store, newer, damage(whole))
    const warnings: string[] = []
    const loaded = await loadCheckpoint(store, 'run', training(), { onWarning: (message) => warnings.push(message) })
    expect({ what, file: loaded?.file, step: loaded?.step }).toEqual({ what, file: older, step: 1 })
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain(`loadCheckpoint: ${newer} is passed over: `)
    expect(warnings[0]).toContain(why)
  }
  await put(store, older, new Uint8Array(3))
  await put(store, newer, new Uint8Array(4))
  await expect(loadCheckpoint(store, 'run', own)).rejects.toThrow(
    `loadCheckpoint: no checkpoint of 'run' is whole; ${newer}: safetensors: the file has 4 bytes; a safetensors file starts with the 8-byte length of its header; ${older}: safetensors: the file has 3 bytes`,
  )
  expect(await saveCheckpoint(store, 'run', own, { step: 2 })).toBe('run.000003.safetensors')
  expect(await loadCheckpoint(store, 'run', own)).toMatchObject({ step: 2 })
})

test('files of other formats and versions are refused, not passed over', async () => {
  const own = training()
  const store = memoryStore()
  await saveCheckpoint(store, 'run', own, { step: 1 })
  const write = (metadata: Record<string, string>): Promise<void> =>
    put(store, 'run.000002.safetensors', writeSafetensors({ w: { shape: [1], data: [1] } }, { metadata }))
  await write({ format: 'pt' })
  await expect(loadCheckpoint(store, 'run', own)).rejects.toThrow(
    'loadCheckpoint: run.000002.safetensors: it is a safetensors file without the note format = wgrad.checkpoint; give a file of saveCheckpoint',
  )
  await write({ format: 'wgrad.checkpoint', version: '2' })
  await expect(loadCheckpoint(store, 'run', own)).rejects.toThrow(
    'loadCheckpoint: run.000002.safetensors: its format has version 2; this wgrad reads version 1',
  )
})

test('a bit that flips is noticed, or makes no difference', async () => {
  const store = memoryStore()
  const { model } = training()
  const file = await saveCheckpoint(store, 'run', { model }, { step: 1, extra: { best: 0.5 } })
  const whole = await bytesOf(store, file)
  const read = async () => (await readCheckpoint(store, 'run')) ?? 'none'
  const content = await read()
  const { below } = random(21)
  let noticed = 0
  for (let k = 0; k < 150; k++) {
    const at = below(whole.length)
    const bit = 1 << below(8)
    await put(
      store,
      file,
      whole.map((byte, i) => (i === at ? byte ^ bit : byte)),
    )
    const found = await read().catch((error: unknown) => error)
    if (found instanceof WgradError) noticed++
    else expect({ at, bit, found }).toEqual({ at, bit, found: content })
  }
  expect(noticed).toBeGreaterThan(100)
})

test('a state that lacks a field or has it of another kind is refused, whoever wrote it', async () => {
  const own = training()
  const store = memoryStore()
  await saveCheckpoint(store, 'run', own, { step: 1 })
  const { metadata } = await openSafetensors((await store.read('run.000001.safetensors')) as Blob)
  const state = JSON.parse(metadata.state ?? '') as Record<string, unknown>
  const before = await stateOf(own)
  const forged = async (change: Record<string, unknown> | string): Promise<string> => {
    const text = typeof change === 'string' ? change : JSON.stringify({ ...state, ...change })
    await store.write('run.000002.safetensors', await encodeFile({ state: text, tensors: {} }))
    return loadCheckpoint(store, 'run', own).then(
      () => 'loaded',
      (error: Error) => error.message.replace('loadCheckpoint: run.000002.safetensors: ', ''),
    )
  }
  expect(await forged({ generator: { seed: -1, offset: 0 } })).toBe(
    'its state has generator: {"seed":-1,"offset":0}; give a file of saveCheckpoint',
  )
  for (const change of [
    { step: '1' },
    { optimizer: 3 },
    { optimizer: { name: 'AdamW', steps: 1, options: [1], clip: null } },
    { schedulers: {} },
    { accumulator: { every: 2 } },
    { variants: { matmul: 1 } },
    { parts: null },
    '[]',
    '{}',
    '{"step":1',
  ])
    expect(await forged(change)).toMatch(/^its state (has|is no JSON) .*; give a file of saveCheckpoint$/)
  expect(await stateOf(own)).toEqual(before)
})
