import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Device, openDevice } from '../../src/gpu/device.ts'
import { recurrentChecks } from '../ops/recurrent.check.ts'
import { runCheck } from '../ops/runner.ts'

/** Below what adapters offer: what every one of them has. */
const defaults: Readonly<Record<string, number>> = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
}

function limited(gpu: GPU): GPU {
  const requestAdapter: GPU['requestAdapter'] = async (options) => {
    const adapter = (await gpu.requestAdapter(options)) as GPUAdapter
    const limits = new Proxy(adapter.limits, {
      get: (all, name) => defaults[String(name)] ?? Reflect.get(all, name, all),
    })
    return new Proxy(adapter, {
      get: (target, name) => {
        const value: unknown = name === 'limits' ? limits : Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
  return { requestAdapter } as GPU
}

let gpu: Device
beforeAll(async () => {
  gpu = await openDevice({ gpu: limited(navigator.gpu), tuning: null })
  for (const [name, value] of Object.entries(defaults)) expect(gpu.limits[name as 'maxBindGroups'], name).toBe(value)
})
afterAll(() => gpu.close())

const checkOf = (cell: string): (typeof recurrentChecks)[number] =>
  recurrentChecks.find(({ op }) => op === `recurrent ${cell}`) as (typeof recurrentChecks)[number]

/** A sample with initial states, lengths and, of gru, a bias; [batch, time, units] as given. */
function full(
  cell: 'lstm' | 'gru',
  [batch, time, units]: readonly [number, number, number],
  reversed: boolean,
): object {
  const gates = cell === 'lstm' ? 4 : 3
  return {
    inputs: [
      [batch, time, gates * units],
      { shape: [gates * units, units], range: [-0.2, 0.2] },
      { shape: [batch], dtype: 'i32', values: [time, 1, 0, time - 1] },
      [cell === 'lstm' ? 2 : 1, batch, units],
      ...(cell === 'gru' ? [[gates * units]] : []),
    ],
    attrs: { cell, given: ['lengths', 'state', ...(cell === 'gru' ? ['bias'] : [])], reversed },
  }
}

/** The message of a check with the full sample alone. */
async function messageOf(
  device: Device,
  cell: 'lstm' | 'gru',
  shape: readonly [number, number, number],
): Promise<string> {
  const { kernels: _, fails: __, ...plain } = checkOf(cell)
  return (
    (await runCheck(device, { ...plain, samples: [full(cell, shape, cell === 'gru')] } as typeof plain)).message ?? ''
  )
}

describe("at WebGPU's default limits", () => {
  it.each(['lstm', 'gru'] as const)('%s takes states, lengths and a bias, and gives all gradients', async (cell) => {
    expect(await messageOf(gpu, cell, [4, 3, 5])).toBe('')
  })
})

describe('workgroups that own sequences, as GPUs run them', () => {
  it.each([
    ['lstm', 'whole-2x32x4'],
    ['gru', 'whole-1x32x1'],
    ['lstm', 'held-4x32'],
  ] as const)('%s with %s', async (cell, name) => {
    const device = new Device(gpu.handle, { ...gpu.info, software: false }, { guard: true, submitBudgetMs: 1000 })
    expect(await messageOf(device, cell, [4, 3, 8])).toBe('')
    const works = Object.entries(device.variants.offered()).filter(([, names]) => names.includes(name))
    expect(works).toHaveLength(2)
    device.variants.pin(Object.fromEntries(works.map(([work]) => [work, name])))
    expect(await messageOf(device, cell, [4, 3, 8])).toBe('')
    expect(Object.values(device.variants.used()).filter((taken) => taken === name)).toHaveLength(2)
  })
})
