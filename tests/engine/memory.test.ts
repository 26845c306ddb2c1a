import { beforeEach, describe, expect, test } from 'vitest'
import { type Device, type DeviceOptions, setDefaultDevice } from '../../src/gpu/device.ts'
import { sizeClass } from '../../src/gpu/pool.ts'
import { compile, OutOfMemoryError, spec, type Tensor, tensor } from '../../src/index.ts'
import { type FakeGpu, fakeDevice } from './fake-device.ts'

let gpu: FakeGpu
let device: Device

function open(options: DeviceOptions = {}): void {
  const fake = fakeDevice(options)
  gpu = fake.gpu
  device = fake.device
  setDefaultDevice(device)
}

beforeEach(() => open())

/** A step with one large value in the middle: [n, 64] x [64, 512] x [512, 8]. */
function makeStep(): ReturnType<typeof compile<[Tensor], Tensor>> {
  const [a, b] = [64 * 512, 512 * 8].map((n) => tensor(new Float32Array(n))) as [Tensor, Tensor]
  return compile((x: Tensor) =>
    x
      .matmul(a.reshape([64, 512]))
      .relu()
      .matmul(b.reshape([512, 8])),
  )
}

const mib = 2 ** 20

describe('a step that cannot fit', () => {
  test('is refused in prepare with its largest buffers, and everything is given back', async () => {
    open({ memoryBudget: 4 * mib })
    const step = makeStep()
    await expect(step.prepare([spec([128, 64])])).resolves.toMatchObject({ dispatches: 2 })
    const { used, allocated } = device.pool
    const refused = step.prepare([spec([2048, 64])])
    await expect(refused).rejects.toThrow(OutOfMemoryError)
    await expect(refused).rejects.toThrow(
      /^prepare: the step needs 5\.5 MiB in all; the memory budget is 4\.0 MiB; its largest buffers are relu \[2048, 512\] at memory\.test\.ts:\d+:\d+ \(4\.0 MiB\), matmul/,
    )
    expect(device.pool.used).toBe(used)
    expect(device.pool.allocated).toBe(allocated)
    // What fits still runs.
    step(tensor(new Float32Array(128 * 64), { shape: [128, 64] }))
    await device.idle()
  })

  test('is not refused for buffers that are free, nor let in by counting one of them twice', async () => {
    open({ memoryBudget: 2 * mib })
    const free = device.pool.acquire(mib, 'free')
    device.pool.release(free)
    const wide = compile((x: Tensor) => x.mul(2), { ring: 1 })
    // An argument, a result and its place in the ring: 600 KiB each.
    await expect(wide.prepare([spec([600 * 256])])).resolves.toMatchObject({ dispatches: 1 })
    expect(device.pool.allocated).toBe(3 * sizeClass(600 * 1024))
    wide.release()
    device.pool.trim()
    device.pool.release(device.pool.acquire(mib, 'free'))
    const large = compile((x: Tensor) => x.mul(2), { ring: 1 })
    await expect(large.prepare([spec([mib / 4])])).rejects.toThrow(OutOfMemoryError)
    expect(device.pool.used).toBe(0)
  })

  test('is refused when a single buffer passes the limit of the device', async () => {
    const before = device.pool.used
    const step = compile((x: Tensor) => x.transpose().matmul(x))
    await expect(step.prepare([spec([1, 9000])])).rejects.toThrow(
      "matmul: binds 309.0 MiB at once, and this device's limit is 128.0 MiB; use a smaller batch",
    )
    expect(device.pool.used).toBe(before)
  })

  test('is refused when the GPU has no memory left', async () => {
    const step = makeStep()
    gpu.outOfMemory = true
    const before = device.pool.used
    await expect(step.prepare([spec([128, 64])])).rejects.toThrow(
      /^prepare: the step needs more memory than the device has; its largest buffers are relu \[128, 512\] at/,
    )
    // The two weights stay where they are.
    expect(device.pool.used - before).toBe(sizeClass(64 * 512 * 4) + sizeClass(512 * 8 * 4))
    await expect(step.prepare([spec([128, 64])])).resolves.toBeDefined()
  })
})

test('the predicted peak is what the GPU holds once steps have run', async () => {
  const step = makeStep()
  const { peakBytes } = await step.prepare([spec([128, 64])])
  const x = new Float32Array(128 * 64)
  for (let i = 0; i < 10; i++) step(tensor(x, { shape: [128, 64] }))
  await device.idle()
  expect(gpu.bytes).toBe(device.bytes)
  expect(gpu.bytes).toBe(peakBytes)
})

test('plans share their scratch: three batch sizes take what the largest takes', async () => {
  const step = makeStep()
  const slot = sizeClass(512 * 512 * 4)
  const one = await step.prepare([spec([512, 64])])
  const two = await step.prepare([spec([100, 64])])
  const three = await step.prepare([spec([300, 64])])
  // What the smaller plans add are their own arguments and outputs.
  expect(three.peakBytes - one.peakBytes).toBeLessThan(slot)
  expect(two.peakBytes - one.peakBytes).toBe(sizeClass(100 * 64 * 4) + 8 * sizeClass(100 * 8 * 4))
  step.release()
})

test('released plans give back all but what tensors hold', async () => {
  const before = device.pool.used
  const step = compile((x: Tensor) => x.matmul(x).exp().matmul(x))
  await step.prepare([spec([64, 64])])
  expect(device.pool.used).toBeGreaterThan(before)
  step.release()
  expect(device.pool.used).toBe(before)
  device.pool.trim()
  expect(gpu.bytes).toBe(device.readback.allocated + device.pool.used)
})

test('values whose lives do not meet share memory', async () => {
  const run = async (debug: { reuse: boolean }): Promise<number> => {
    open()
    const w = tensor(new Float32Array(64 * 64), { shape: [64, 64] })
    const step = compile(
      (x: Tensor) => {
        let y = x
        for (let i = 0; i < 12; i++) y = y.matmul(w).relu()
        return y.sum()
      },
      { debug },
    )
    return (await step.prepare([spec([256, 64])])).peakBytes
  }
  const value = sizeClass(256 * 64 * 4)
  expect((await run({ reuse: false })) - (await run({ reuse: true }))).toBeGreaterThanOrEqual(9 * value)
})
