import fc from 'fast-check'
import { expect, test } from 'vitest'
import { setDefaultDevice } from '../../src/gpu/device.ts'
import { compile, concat, type Tensor, tensor } from '../../src/index.ts'
import { fakeDevice } from './fake-device.ts'

/** Sums of many tensors, in products with many others behind: more than any one kernel can bind. */
async function mostBuffers(before: number, after: number, wide: number): Promise<number> {
  const { gpu, device } = fakeDevice()
  setDefaultDevice(device)
  const inputs = (n: number): Tensor[] => Array.from({ length: n }, (_, i) => tensor([i, 1]))
  const [first, second, parts] = [inputs(before), inputs(after), inputs(wide)]
  const step = compile((x: Tensor) => {
    let sum = x
    for (const t of first) sum = sum.add(t)
    let y = concat([sum, ...parts])
      .reshape([-1, 2])
      .sum(1)
    for (const t of second) y = y.mul(t.sum()).add(t.reshape([2, 1]).sum(0).max())
    return y
  })
  step(tensor([0, 0]))
  await device.idle()
  return Math.max(...gpu.dispatches.map((d) => d.bindings.length))
}

test('no dispatch binds more buffers than a device has room for, however wide the expressions', async () => {
  const small = fc.nat(14)
  await fc.assert(
    fc.asyncProperty(small, small, small, async (before, after, wide) => {
      expect(await mostBuffers(before, after, wide)).toBeLessThanOrEqual(8)
    }),
    { numRuns: 40, seed: 4 },
  )
})
