import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Device } from '../../src/gpu/device.ts'
import { buildPlan, type Plan } from '../../src/graph/plan.ts'
import { traceFunction } from '../../src/graph/traced.ts'
import {
  checkpoint,
  compile,
  grad,
  manualSeed,
  matmul,
  pow,
  type Spec,
  setDefaultDevice,
  spec,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'
import { fakeDevice } from './fake-device.ts'
import { type HalfModel, imageModel, stepOf, tokenModel } from './half-models.ts'

type Step = (...args: Tensor[]) => Tensor | Record<string, Tensor>

function planOf(device: Device, fn: Step, specs: readonly Spec[], storage: 'f16' | 'f32' = 'f16'): Plan {
  const { program } = traceFunction(device, fn, specs)
  return buildPlan(program, { reuse: true, poison: false, outputs: 'slots', storage })
}

function slotBytes(plan: Plan): number {
  return plan.slots.reduce((a, b) => a + b, 0)
}

/** The ops whose results a plan keeps as f16. */
function narrowOps(plan: Plan): string[] {
  return plan.steps
    .filter(({ program: { source } }) => /read_write> y: array<f16>/.test(source))
    .map(({ op }) => op)
    .sort()
}

describe('what is kept as f16', () => {
  let device: Device

  beforeEach(() => {
    const fake = fakeDevice()
    device = new Device(fake.gpu.handle, { ...fake.device.info, features: ['shader-f16'] }, {})
    setDefaultDevice(device)
  })

  const x = spec([64, 32])
  const weight = (n: number, m: number): Tensor =>
    tensor(new Float32Array(n * m), { shape: [n, m], requiresGrad: true })

  test('activations that another kernel reads, and no result', () => {
    const [u, v] = [weight(32, 64), weight(64, 32)]
    const plan = planOf(device, (a) => matmul(matmul(a as Tensor, u).relu(), v), [x])
    expect(narrowOps(plan)).toEqual(['matmul'])
    expect(plan.steps.map((s) => s.bindings.map((b) => b.bytes))).toEqual([
      [64 * 32 * 4, 32 * 64 * 4, 64 * 64 * 2],
      [64 * 64 * 2, 64 * 32 * 4, 64 * 32 * 4],
    ])
    expect(plan.outputs.map((o) => o.spec.dtype)).toEqual(['f32'])
    expect(narrowOps(planOf(device, (a) => matmul(matmul(a as Tensor, u).relu(), v), [x], 'f32'))).toEqual([])
  })

  test('no gradient, no statistic, nothing small', () => {
    const [u, v] = [weight(32, 64), weight(64, 32)]
    const gradients = planOf(
      device,
      (a) => {
        const h = matmul(a as Tensor, u).relu()
        const loss = pow(matmul(h, v), 2).mean()
        const [du, dv] = grad(loss, [u, v]) as [Tensor, Tensor]
        return { loss, du, dv }
      },
      [x],
    )
    // The hidden layer and the output that the loss and its slope share; not the gradient of the hidden layer.
    expect(narrowOps(gradients)).toEqual(['matmul', 'matmul'])
    const statistics = planOf(device, (a) => matmul((a as Tensor).sum(1, true).mul(1e5), weight(1, 4)), [
      spec([2048, 8]),
    ])
    expect(narrowOps(statistics)).toEqual([])
    expect(narrowOps(planOf(device, (a) => matmul(matmul(a as Tensor, u), v), [spec([15, 32])]))).toEqual([])
    expect(narrowOps(planOf(device, (a) => matmul(matmul(a as Tensor, u), v), [spec([16, 32])]))).toEqual(['matmul'])
  })

  test('activations that are computed again', () => {
    const [u, v] = [weight(32, 64), weight(64, 32)]
    const step = (again: boolean) => (a: Tensor) => {
      const block = (t: Tensor): Tensor => matmul(matmul(t, u).tanh(), v)
      const h = matmul(a, weight(32, 32)).relu()
      const y = again ? checkpoint(block, h) : block(h)
      const [du, dv] = grad(pow(y, 2).mean(), [u, v]) as [Tensor, Tensor]
      return { du, dv }
    }
    const once = narrowOps(planOf(device, step(false) as Step, [x])).length
    expect(narrowOps(planOf(device, step(true) as Step, [x])).length).toBeGreaterThan(once)
  })

  test.each([
    ['images', imageModel],
    ['tokens', tokenModel],
  ] as const)('much fewer bytes for a training step on %s', async (_, model) => {
    const bytes = (storage: 'f16' | 'f32'): number => {
      const { train, specs } = model(64)
      return slotBytes(planOf(device, train as Step, specs, storage))
    }
    expect(bytes('f16') / bytes('f32')).toBeLessThan(0.85)
    const cost = async (storage: 'f16' | 'f32'): Promise<number> => {
      const made = model(64)
      const step = stepOf(made, { storage, device })
      const before = device.bytes
      const { peakBytes } = await step.prepare(made.specs)
      step.release()
      device.pool.trim()
      return peakBytes - before
    }
    expect(await cost('f16')).toBeLessThan(await cost('f32'))
  })
})

describe('a device without shader-f16', () => {
  test('refuses, and so does a storage that there is not', async () => {
    const { device } = fakeDevice()
    setDefaultDevice(device)
    const step = compile((a: Tensor) => a.mul(2), { storage: 'f16' })
    await expect(step.prepare([spec([4])])).rejects.toThrow(
      "compile: storage is 'f16' on a device without shader-f16; use 'f32', or an adapter that has the feature",
    )
    const odd = compile((a: Tensor) => a.mul(2), { storage: 'f8' as 'f16' })
    await expect(odd.prepare([spec([4])])).rejects.toThrow("compile: storage is f8; it must be 'f32' or 'f16'")
  })
})

/** The text with i32 in the place of f16, so that a compiler without f16 says where a conversion is missing. */
function withStandIn(source: string): string {
  return source.replace('enable f16;\n', '').replace(/\bf16\b/g, 'i32')
}

describe('shaders that read and write f16', () => {
  test.each([true, false])('convert at every load and store, for a software adapter: %s', async (software) => {
    const real = await openDevice()
    const info = { ...real.info, software, features: ['shader-f16'] }
    const device = new Device(real.handle, info, {})
    setDefaultDevice(device)
    const sources = new Map<string, string>()
    for (const { train, specs } of [imageModel(64), imageModel(3), tokenModel(8)])
      for (const { program } of planOf(device, train as Step, specs).steps)
        if (program.source.startsWith('enable f16;')) sources.set(program.source, program.name)
    expect(sources.size).toBeGreaterThan(20)
    for (const [source, name] of sources) {
      const module = real.handle.createShaderModule({ code: withStandIn(source) })
      const { messages } = await module.getCompilationInfo()
      expect(messages.filter((m) => m.type === 'error').map((m) => `${name}:${m.lineNum}: ${m.message}`)).toEqual([])
    }
    real.close()
  })
})

const adapter = await navigator.gpu.requestAdapter()

// Needs the feature; where it is missing the refusal above is what there is to test.
if (adapter?.features.has('shader-f16')) {
  describe('on an adapter with shader-f16', () => {
    let device: Device

    beforeAll(async () => {
      device = await openDevice()
      setDefaultDevice(device)
    })

    afterAll(() => device?.close())

    test('a kept activation is rounded to f16 once, saturates, and stays NaN', async () => {
      const values = Float32Array.from({ length: 1024 }, (_, i) => 1 + i / 4096)
      values.set([1e5, -3e38, Number.NaN, 65504, 2 ** -24])
      const identity = tensor([1], { shape: [1, 1] })
      const step = compile((a: Tensor) => matmul(matmul(a, identity), identity), { storage: 'f16' })
      const kept = await step(tensor(values, { shape: [1024, 1] })).data()
      expect([...kept.slice(0, 5)]).toEqual([65504, -65504, Number.NaN, 65504, 2 ** -24])
      // Between 1 and 2 f16 has steps of 2 ** -10; ties go to even.
      for (let i = 5; i < 1024; i++) {
        const steps = i / 4
        const even = 2 * Math.round(steps / 2)
        expect(kept[i]).toBe(
          1 + (steps % 1 === 0.5 && Math.abs(even - steps) === 0.5 ? even : Math.round(steps)) / 1024,
        )
      }
    })

    test.each([
      ['images', imageModel],
      ['tokens', tokenModel],
    ] as const)(
      'training on %s follows the losses in f32',
      async (_, model) => {
        const run = async (storage: 'f16' | 'f32'): Promise<number[]> => {
          manualSeed(3, device)
          const made = model(16)
          return losses(made, stepOf(made, { storage, device }))
        }
        const [half, full] = [await run('f16'), await run('f32')]
        expect(full.at(-1)).toBeLessThan(0.7 * (full[0] as number))
        const distance = Math.max(...half.map((v, i) => Math.abs(v - (full[i] as number)) / (full[0] as number)))
        expect(distance).toBeLessThan(1e-2)
        expect(distance).toBeGreaterThan(0)
      },
      300_000,
    )
  })
}

/** Losses of 12 steps over two batches whose labels can be learned. */
async function losses({ specs }: HalfModel, step: ReturnType<typeof stepOf>): Promise<number[]> {
  const [x, y] = specs
  const batches = Array.from({ length: 2 }, (_, b) => {
    const labels = Int32Array.from({ length: y.shape[0] as number }, (_, i) => (7 * i + 3 * b) % 10)
    const each = x.shape.slice(1).reduce((m, n) => m * n, 1)
    const data = Array.from({ length: labels.length * each }, (_, i) => {
      const label = labels[Math.floor(i / each)] as number
      const at = i % each
      return x.dtype === 'i32' ? (label * 4 + (at % 4)) % 40 : Math.sin((1 + label) * at) + 0.3 * Math.cos(i * (b + 1))
    })
    return { x: tensor(data, { shape: x.shape, dtype: x.dtype }), y: tensor(labels, { dtype: 'i32' }) }
  })
  const read: number[] = []
  for (let s = 0; s < 12; s++) {
    const { x: images, y: labels } = batches[s % batches.length] as (typeof batches)[number]
    read.push(await step(images, labels).loss.item())
  }
  return read
}
