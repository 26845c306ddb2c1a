import type { Bandwidth, Roof } from '../run/results.ts'
import { Clock, Meter } from './meter.ts'
import { bufferBytes, fmaForms, fmaKernel, trafficKernel, trafficKinds } from './shaders.ts'
import { bandwidthFor, bestOf } from './share.ts'

/**
 * Milliseconds of one measurement, turn by turn: long ones beside the steps of a browser's timestamps, which are 0.1 ms, and
 * short ones, which others who use the machine are less likely to disturb.
 */
const turnMs = [12, 4] as const
/** Turns of each kernel, so that one sees the adapter awake and undisturbed. */
const mostTurns = 24
const leastTurns = 3
/** After this time in milliseconds no turn begins beyond the least. */
const longestMs = 6000

/** What is looked at in passing. */
export interface Glance {
  /** Milliseconds for each part. */
  readonly ms: number
  /** Whether multiply-adds are. */
  readonly multiplies: boolean
  /** Traffic that work with so many bytes in sight can reach. */
  readonly bytes: readonly number[]
}

type TrafficMeter = Pick<Bandwidth, 'kind' | 'bytes'> & { readonly meter: Meter }

/** Measures what an adapter does at most: multiply-adds from registers, and traffic of buffers of several sizes. */
export class RoofGauge {
  readonly #device: GPUDevice
  readonly #fma: readonly Meter[]
  readonly #traffic: readonly TrafficMeter[]
  #roof: Roof | null = null
  /** The form of multiply-adds that was fastest. */
  #fastest = 0

  private constructor(device: GPUDevice, fma: readonly Meter[], traffic: readonly TrafficMeter[]) {
    this.#device = device
    this.#fma = fma
    this.#traffic = traffic
  }

  static async open(gpu: GPU): Promise<RoofGauge> {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (!adapter) throw new Error('bench: there is no adapter for the roof')
    const device = await adapter.requestDevice({
      requiredFeatures: adapter.features.has('timestamp-query') ? ['timestamp-query'] : [],
    })
    const clock = device.features.has('timestamp-query') ? new Clock(device) : null
    const buffers = new Map<string, GPUBuffer>()
    const bufferOf = (size: number, binding: number): GPUBuffer => {
      const key = `${size} ${binding}`
      const buffer = buffers.get(key) ?? device.createBuffer({ size, usage: GPUBufferUsage.STORAGE })
      buffers.set(key, buffer)
      return buffer
    }
    const meterOf = (kernel: ReturnType<typeof fmaKernel>): Promise<Meter> =>
      Meter.create(device, kernel, kernel.buffers.map(bufferOf), clock)
    const fma: Meter[] = []
    for (const form of fmaForms) fma.push(await meterOf(fmaKernel(form)))
    const traffic: TrafficMeter[] = []
    for (const bytes of bufferBytes)
      for (const kind of trafficKinds) traffic.push({ kind, bytes, meter: await meterOf(trafficKernel(kind, bytes)) })
    return new RoofGauge(device, fma, traffic)
  }

  /** The whole roof: of each kernel the best of several turns, spread over seconds. */
  async measure(): Promise<Roof> {
    const best = this.#fma.map(() => 0)
    let roof = this.#roof
    const started = performance.now()
    for (let turn = 0; turn < mostTurns; turn++) {
      if (turn >= leastTurns && performance.now() - started > longestMs) break
      const ms = turnMs[turn % 2] as number
      for (const [i, meter] of this.#fma.entries()) {
        const seen = await this.#multiply(meter, ms)
        best[i] = Math.max(best[i] as number, seen.gflops)
        roof = roof ? bestOf(roof, seen) : seen
      }
      for (const each of this.#traffic) roof = bestOf(roof as Roof, await this.#move(each, ms))
    }
    this.#fastest = best.indexOf(Math.max(...best))
    this.#roof = roof
    return roof as Roof
  }

  /** The parts of the roof that are asked for, as they are at this moment; the others as they were at best. */
  async now({ ms, multiplies, bytes }: Glance): Promise<Roof> {
    const best = this.#roof ?? (await this.measure())
    const base = multiplies ? await this.#multiply(this.#fma[this.#fastest] as Meter, ms) : best
    let seen: Roof = { ...base, bandwidths: [] }
    for (const size of bytes) {
      const { kind, bytes: at } = bandwidthFor(best, size)
      const each = this.#traffic.find((t) => t.kind === kind && t.bytes === at)
      if (each) seen = bestOf(seen, await this.#move(each, ms))
    }
    return bytes.length > 0 ? seen : { ...seen, bandwidths: best.bandwidths }
  }

  close(): void {
    this.#device.destroy()
  }

  async #multiply(meter: Meter, ms: number): Promise<Roof> {
    const { byWall, byTimestamps } = await meter.measure(ms)
    const clock = this.#device.features.has('timestamp-query') ? 'timestamps' : 'wall'
    return { clock, gflops: byWall, gflopsByTimestamps: byTimestamps, bandwidths: [] }
  }

  async #move({ kind, bytes, meter }: TrafficMeter, ms: number): Promise<Pick<Roof, 'bandwidths'>> {
    const { byWall, byTimestamps } = await meter.measure(ms)
    return { bandwidths: [{ kind, bytes, gbps: byWall, gbpsByTimestamps: byTimestamps }] }
  }
}
