import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Counters } from '../../bench/counters.ts'
import { type Opened, Steady, type WorkloadName } from '../../bench/suites/steady.ts'

/** Steps counted, and most dispatches that a step may take. */
const cases: readonly [WorkloadName, number, number][] = [
  ['mlp', 20, 20],
  ['cnn', 4, 40],
]

describe.each(cases)('a step of the %s', (name, steps, dispatches) => {
  let steady: Steady
  let opened: Opened

  beforeAll(async () => {
    ;({ steady, opened } = await Steady.open(name))
  })

  afterAll(() => steady.close())

  test('compiles nothing after prepare, not even the first', () => {
    expect(opened.first).toMatchObject({ pipelines: 0, shaderModules: 0, buffers: 0, mappings: 0 })
    expect(opened.first.dispatches).toBe(opened.cost.dispatches)
  })

  test('creates nothing and takes few dispatches', async () => {
    await steady.run(2, 60)
    await steady.markBytes()
    const { counts, encodings } = await steady.count(steps)
    expect(counts).toMatchObject({ pipelines: 0, shaderModules: 0, buffers: 0, bindGroups: 0, mappings: 0 })
    expect(counts.dispatches).toBe(steps * opened.cost.dispatches)
    expect(opened.cost.dispatches).toBeLessThanOrEqual(dispatches)
    expect(counts.submits).toBeLessThanOrEqual(3 * steps)
    expect(encodings).toHaveLength(counts.submits)
    const { least, most } = await steady.bytes()
    expect(most).toBe(least)
  })

  test('takes the memory that prepare told', async () => {
    const { peak } = await steady.bytes()
    expect(Math.abs(opened.cost.peakBytes - peak)).toBeLessThanOrEqual(0.02 * peak)
  })
})

test('counters see what is created and destroyed, until they are removed', async () => {
  const adapter = await navigator.gpu.requestAdapter()
  const device = (await adapter?.requestDevice()) as GPUDevice
  const counters = new Counters()
  const make = (): GPUBuffer => device.createBuffer({ size: 256, usage: GPUBufferUsage.COPY_DST })
  counters.install()
  const buffer = make()
  counters.markBytes()
  make()
  buffer.destroy()
  buffer.destroy()
  expect(counters.counts).toMatchObject({ buffers: 2, submits: 0 })
  expect([counters.bytes, counters.peakBytes, counters.leastBytes, counters.mostBytes]).toEqual([256, 512, 256, 512])
  counters.record()
  const encoder = device.createCommandEncoder()
  encoder.beginComputePass().end()
  device.queue.submit([encoder.finish()])
  expect(counters.counts).toMatchObject({ submits: 1, dispatches: 0 })
  expect(counters.recorded()).toEqual([])
  counters.remove()
  make()
  expect(counters.counts.buffers).toBe(2)
  device.destroy()
})
