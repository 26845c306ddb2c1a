import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Device } from '../../src/index.ts'
import { readSafetensors, writeSafetensors } from '../../src/io/index.ts'
import { BatchNorm2d, Conv2d, Sequential } from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'

let gpu: Device

beforeAll(async () => {
  gpu = await openDevice()
})
afterAll(() => gpu.close())

test("a model's weights and counters survive the file", async () => {
  const make = (): Sequential => new Sequential(new Conv2d(2, 3, 3), new BatchNorm2d(3))
  const saved = await make().stateDict()
  saved['1.num_batches_tracked'] = { shape: [], data: Int32Array.of(5) }
  const bytes = writeSafetensors(saved)
  const other = make()
  other.loadStateDict(await readSafetensors(bytes))
  const loaded = await other.stateDict()
  expect(Object.keys(loaded).length).toBe(7)
  expect(loaded).toEqual(saved)
  expect(writeSafetensors(loaded)).toEqual(bytes)
})
