import { afterAll, beforeAll, expect, test } from 'vitest'
import { setDefaultDevice } from '../../src/gpu/device.ts'
import { type Device, readAll } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { checks } from './all.ts'
import type { OpCheck } from './check.ts'
import { prepare } from './runner.ts'

const runs = 20

/** Checks of ops whose kernels add up what several threads found, and a sample of each; those whose last kernel is pinned, too. */
const chosen: [name: string, sample: number, both: boolean][] = [
  ['matmul transA', 1, true],
  ['matmul of batches', 1, true],
  ['conv2d', 1, true],
  ['convTranspose2d', 0, false],
  ['maxPool2d', 0, false],
  ['sum', 3, true],
  ['max', 2, false],
  ['layerNorm', 1, true],
  ['batchNorm in training', 2, true],
  ['groupNorm', 0, false],
  ['softmax', 0, false],
  ['crossEntropy', 0, false],
  ['scaledDotProductAttention', 0, false],
  ['recurrent gru', 1, false],
  ['gather', 0, false],
  ['cumsum', 0, false],
]

let gpu: Device
beforeAll(async () => {
  gpu = await openDevice()
  setDefaultDevice(gpu)
})
afterAll(() => gpu.close())

/** The bits of all outputs and gradients. */
async function bitsOf(check: OpCheck, sample: number): Promise<string> {
  const { outputs, gradients } = prepare(gpu, check, sample)
  expect(gradients.length).toBeGreaterThan(0)
  const values = await readAll([...outputs, ...gradients])
  return values.map((v) => Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString('hex')).join(' ')
}

test.each(chosen)('%s has the same bits over 20 runs with pinned kernels', async (name, sample, both) => {
  const check = checks.find(({ op }) => op === name) as OpCheck
  gpu.variants.unpin()
  await bitsOf(check, sample)
  const offered = Object.entries(gpu.variants.offered())
  for (const which of both ? [0, -1] : [0]) {
    gpu.variants.pin(Object.fromEntries(offered.map(([work, names]) => [work, names.at(which) as string])))
    const seen = new Set<string>()
    for (let run = 0; run < runs; run++) seen.add(await bitsOf(check, sample))
    expect(seen.size).toBe(1)
  }
})
