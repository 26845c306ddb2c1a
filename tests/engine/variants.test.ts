import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { UnavailableVariant } from '../../src/gpu/variants.ts'
import { compile, type Device, profile, sum, type Tensor, tensor } from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'

const work = 'matmul transA=false transB=false f32[24,40] f32[40,20]'
let device: Device

beforeAll(async () => {
  device = await openDevice()
})

afterAll(() => device?.close())

function matrix(rows: number, columns: number): Tensor {
  const values = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(1 + 7 * i))
  return tensor(values, { shape: [rows, columns] })
}

const [a, b] = [() => matrix(24, 40), () => matrix(40, 20)]
const product = (x: Tensor, y: Tensor): Tensor => x.matmul(y)

/** Another kernel than the device's own choice. */
async function otherKernel(): Promise<string> {
  await a().matmul(b()).data()
  const names = device.variants.offered()[work] as readonly string[]
  expect(names.length).toBeGreaterThan(3)
  return names.find((name) => name.startsWith('shared')) as string
}

describe('a pinned kernel', () => {
  test('runs instead of the default in a compiled step, with nearly the same result', async () => {
    device.variants.unpin()
    const other = await otherKernel()
    const step = compile(product)
    const rows = async (): Promise<string[]> => (await profile(step, a(), b())).rows.map((row) => row.kernel)
    const before = await step(a(), b()).data()
    const usual = await rows()
    expect(usual).not.toEqual(['matmul/shared.wgsl'])
    device.variants.pin({ [work]: other })
    expect(await rows()).toEqual(['matmul/shared.wgsl'])
    expect(device.variants.used()[work]).toBe(other)
    const after = await step(a(), b()).data()
    for (const [i, v] of after.entries()) expect(Math.abs(v - (before[i] as number))).toBeLessThan(1e-5)
    device.variants.unpin()
    expect(await rows()).toEqual(usual)
  })

  test('runs in an eager read whose plan was built before', async () => {
    device.variants.unpin()
    const other = await otherKernel()
    expect(device.variants.used()[work]).not.toBe(other)
    device.variants.pin({ [work]: other })
    await a().matmul(b()).data()
    expect(device.variants.used()[work]).toBe(other)
  })

  test('leaves plans alone that already run it', async () => {
    device.variants.unpin()
    const step = compile(product)
    await step(a(), b()).data()
    const plan = step.planFor(a(), b())
    device.variants.pin(device.variants.used())
    expect(step.planFor(a(), b())).toBe(plan)
    device.variants.pin({ [work]: await otherKernel() })
    expect(step.planFor(a(), b())).not.toBe(plan)
  })

  test('that is not available is replaced by the default, which is reported once', async () => {
    device.variants.unpin()
    await a().matmul(b()).data()
    const own = device.variants.used()[work] as string
    const missing: UnavailableVariant[] = []
    device.variants.pin(
      { [work]: 'tensor-cores', 'matmul of something else': 'x' },
      { onMissing: (m) => missing.push(m) },
    )
    const step = compile(product)
    await step(a(), b()).data()
    await compile((x: Tensor, y: Tensor) => sum(product(x, y)))(a(), b()).data()
    expect(missing).toEqual([{ work, wanted: 'tensor-cores', taken: own }])
    expect(device.variants.unavailable).toEqual(missing)
    device.variants.unpin()
    expect(device.variants.unavailable).toEqual([])
  })
})

test('the record of one device pins another, and gives the same bits', async () => {
  device.variants.unpin()
  const other = await otherKernel()
  device.variants.pin({ [work]: other })
  const expected = await compile(product)(a(), b()).data()
  const second = await openDevice()
  second.variants.pin(device.variants.used())
  const on = { device: second }
  const [x, y] = await Promise.all([a().data(), b().data()])
  const values = await tensor(x, { shape: [24, 40], ...on })
    .matmul(tensor(y, { shape: [40, 20], ...on }))
    .data()
  expect(values).toEqual(expected)
  expect(second.variants.used()[work]).toBe(other)
  expect(second.variants.unavailable).toEqual([])
  second.close()
  device.variants.unpin()
})
