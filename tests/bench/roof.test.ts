import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Cell } from '../../bench/cell.ts'
import { RoofGauge } from '../../bench/roof/gauge.ts'
import { fmaForms, fmaKernel, type RoofKernel, trafficKernel, trafficKinds } from '../../bench/roof/shaders.ts'
import { bandwidthFor, bestOf, between, timeAtRoof } from '../../bench/roof/share.ts'
import { runBench } from '../../bench/run/bench.ts'
import type { Host, Room } from '../../bench/run/host.ts'
import type { Report, Roof } from '../../bench/run/results.ts'
import type { Workload } from '../../bench/workload.ts'

const roof: Roof = {
  clock: 'timestamps',
  gflops: 10,
  gflopsByTimestamps: 12,
  bandwidths: [
    { kind: 'copy', bytes: 1e6, gbps: 8, gbpsByTimestamps: 8 },
    { kind: 'read', bytes: 1e6, gbps: 9, gbpsByTimestamps: 6 },
    { kind: 'copy', bytes: 1e9, gbps: 2, gbpsByTimestamps: 3 },
  ],
}

describe('the roof as figures', () => {
  test('the nearer one counts, by the clock that the work was timed by and the fastest traffic of a size', () => {
    expect(bandwidthFor(roof, 1e5)).toMatchObject({ kind: 'read', bytes: 1e6 })
    expect(bandwidthFor(roof, 1e5, 'timestamps')).toMatchObject({ kind: 'copy', bytes: 1e6 })
    expect(bandwidthFor(roof, 2e6)).toMatchObject({ kind: 'copy', bytes: 1e9 })
    expect(bandwidthFor(roof, 2e9)).toMatchObject({ kind: 'copy', bytes: 1e9 })
    expect(timeAtRoof(roof, { flops: 10e6, bytes: 1 })).toBeCloseTo(1)
    expect(timeAtRoof(roof, { flops: 12e6, bytes: 1 }, 'timestamps')).toBeCloseTo(1)
    expect(timeAtRoof(roof, { flops: 1, bytes: 9e5 })).toBeCloseTo(0.1)
    expect(timeAtRoof(roof, { flops: 1, bytes: 2e6 })).toBeCloseTo(1)
    expect(timeAtRoof(roof, { flops: 1, bytes: 3e6 }, 'timestamps')).toBeCloseTo(1)
  })

  test('between two glances durations are averaged, and the best is the best of each part', () => {
    const slow: Roof = { ...roof, gflops: 5, bandwidths: [{ kind: 'copy', bytes: 1e6, gbps: 24, gbpsByTimestamps: 4 }] }
    expect(between(roof, slow).gflops).toBeCloseTo(2 / (1 / 10 + 1 / 5))
    expect(between(roof, slow).bandwidths[0]).toMatchObject({ gbps: expect.closeTo(12), bytes: 1e6 })
    expect(bestOf(roof, slow)).toMatchObject({ gflops: 10, gflopsByTimestamps: 12 })
    expect(bestOf(roof, slow).bandwidths).toHaveLength(3)
    expect(bestOf(roof, slow).bandwidths[0]).toMatchObject({ gbps: 24, gbpsByTimestamps: 8 })
  })
})

describe('the kernels of the roof', () => {
  let device: GPUDevice

  beforeAll(async () => {
    device = (await (await navigator.gpu.requestAdapter())?.requestDevice()) as GPUDevice
  })
  afterAll(() => device.destroy())

  /** Runs a kernel on buffers that hold 1, 2, 3, …; answers what is in the first. */
  async function run({ code, buffers, groups }: RoofKernel): Promise<Float32Array> {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    const made = buffers.map((size) => device.createBuffer({ size, usage }))
    made.forEach((buffer, i) => {
      if (i > 0)
        device.queue.writeBuffer(
          buffer,
          0,
          Float32Array.from({ length: buffer.size / 4 }, (_, n) => n + 1),
        )
    })
    const module = device.createShaderModule({ code })
    const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } })
    const entries = made.map((buffer, binding) => ({ binding, resource: { buffer } }))
    const [first] = made as [GPUBuffer]
    const staging = device.createBuffer({ size: first.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }))
    pass.dispatchWorkgroups(groups)
    pass.end()
    encoder.copyBufferToBuffer(first, 0, staging, 0, first.size)
    device.queue.submit([encoder.finish()])
    await staging.mapAsync(GPUMapMode.READ)
    return new Float32Array(staging.getMappedRange().slice(0))
  }

  const bytes = 2 ** 20
  const floats = bytes / 4

  test('copies copy everything', async () => {
    const kernel = trafficKernel('copy', bytes)
    const y = await run(kernel)
    expect(kernel.work * kernel.groups).toBe(2 * bytes)
    expect(y.every((v, i) => v === i + 1)).toBe(true)
  })

  test('reads read everything: what they write adds up to all', async () => {
    const kernel = trafficKernel('read', bytes)
    const y = await run(kernel)
    expect(kernel.work * kernel.groups).toBe(bytes + bytes / 8)
    expect(y.subarray(floats / 8).every((v) => v === 0)).toBe(true)
    expect(y.reduce((sum, v) => sum + v, 0) / ((floats * (floats + 1)) / 2)).toBeCloseTo(1, 6)
  })

  test('writes write everything', async () => {
    const kernel = trafficKernel('write', bytes)
    const y = await run(kernel)
    expect(kernel.work * kernel.groups).toBe(bytes)
    expect(y.indexOf(0)).toBe(-1)
  })

  test.each(fmaForms)('multiply-adds of $type, $product, are done: their results are the recurrence', async (form) => {
    const kernel = fmaKernel(form)
    const y = await run({ ...kernel, buffers: [16 * (64 * kernel.groups + 2)] })
    const width = form.type === 'f32' ? 1 : 4
    const steps = kernel.work / (64 * 2 * width * form.chains)
    expect(Number.isInteger(steps)).toBe(true)
    // With nothing in the buffer each step is v = 0.99 v + 0.01, which comes nearer to 1 each time.
    expect(y[2 * width] as number).toBeCloseTo(form.chains * (1 - 0.99 ** steps), 4)
    const loop = Number(/t < (\d+)u/.exec(kernel.code)?.[1])
    const perTurn = kernel.code.split(/a\d+ = (?:fma\(a\d+, m, c\)|a\d+ \* m \+ c);/).length - 1
    expect(loop * perTurn).toBe(steps * form.chains)
  })

  test('a gauge tells every part, and at a glance those that are asked for', async () => {
    const gauge = await RoofGauge.open(navigator.gpu)
    try {
      const whole = await gauge.measure()
      expect(whole.bandwidths).toHaveLength(3 * trafficKinds.length)
      expect(whole.gflops).toBeGreaterThan(0.05)
      for (const { gbps } of whole.bandwidths) expect(gbps).toBeGreaterThan(0.005)
      const traffic = await gauge.now({ ms: 5, multiplies: false, bytes: [2 ** 22] })
      expect(traffic.gflops).toBe(whole.gflops)
      expect(traffic.bandwidths).toHaveLength(1)
      expect(traffic.bandwidths[0]?.bytes).toBeGreaterThanOrEqual(2 ** 23)
      const compute = await gauge.now({ ms: 5, multiplies: true, bytes: [] })
      expect(compute.gflops).not.toBe(whole.gflops)
      expect(compute.bandwidths).toEqual(whole.bandwidths)
    } finally {
      gauge.close()
    }
  })
})

/** 8 ms at a roof of 1 GFLOP/s and 1 GB/s. */
const product: Workload = {
  suite: 'gemm',
  name: 'tiny',
  task: { kind: 'matmul', m: 200, k: 100, n: 200 },
  flops: 8e6,
  bytes: 320_000,
}

/** A machine whose speed swings by a factor of four, on which wgrad takes 10 ms at its best. */
function swingingHost(): Host {
  let calls = 0
  const speed = (): number => 2 ** Math.sin(++calls / 3)
  return {
    name: 'test',
    lacks: () => null,
    async room(): Promise<Room> {
      const opened = new Cell(navigator.gpu)
      const scaled = (): Roof => {
        const now = speed()
        const bandwidths = [{ kind: 'copy' as const, bytes: 1e9, gbps: now, gbpsByTimestamps: now }]
        return { clock: 'wall', gflops: now, gflopsByTimestamps: now, bandwidths }
      }
      return {
        open: (name) => opened.open(name),
        prepare: (task) => opened.prepare(task),
        time: async (runs) => (10 * runs) / speed(),
        usage: (runs) => opened.usage(runs),
        kernels: async () => null,
        release: () => opened.release(),
        roof: async () => scaled(),
        roofNow: async () => scaled(),
        heapBytes: async () => null,
        kill: () => opened.close(),
      }
    },
    close: async () => undefined,
  }
}

test('a share is held against the roof around each sample: it stays on a machine whose speed does not', async () => {
  const plan = { suites: [], contestants: ['wgrad'], quick: false, rounds: 15, workloads: [product] }
  const events = { onProgress: () => undefined, stopped: () => false }
  const report: Report = await runBench(swingingHost(), plan, events)
  const row = report.workloads[0]?.rows[0]
  expect(row?.samples).toHaveLength(15)
  expect(row?.roofs).toHaveLength(15)
  expect(row?.spread).toBeGreaterThan(0.5)
  expect(row?.roof?.value).toBeCloseTo(0.8, 1)
  expect((row?.roof?.high ?? 9) - (row?.roof?.low ?? 0)).toBeLessThan(0.1)
  // The headline is the best of all glances.
  expect(report.roof?.gflops).toBeCloseTo(2, 1)
})
