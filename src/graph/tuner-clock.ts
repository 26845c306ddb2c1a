import type { Device } from '../gpu/device.ts'

/** Measures what a compute pass takes, in milliseconds. */
export interface Clock {
  /** Least time of a measurement that is good to a few per cent. */
  readonly batchMs: number
  /** Runs `encode` in a pass of its own, when nothing else of this clock runs. */
  time(encode: (pass: GPUComputePassEncoder) => void): Promise<number>
  /** Gives back what it holds. */
  close(): void
}

/** The least time of a measurement by a clock that a submit and the wait for it are part of. */
const wallBatchMs = 20

/** Browsers keep the fine digits of timestamps to themselves: these are as coarse as they come. */
const coarseBatchMs = 5
const fineBatchMs = 2

/** The clock for a device: timestamps on a GPU that has them and whose time passes in them, else the time to wait. */
export async function openClock(device: Device): Promise<Clock> {
  if (device.info.software || !device.handle.features.has('timestamp-query')) return wallClock(device)
  const clock = new TimestampClock(device)
  if (await clock.calibrate()) return clock
  clock.close()
  return wallClock(device)
}

function wallClock({ handle, queue }: Device): Clock {
  return {
    batchMs: wallBatchMs,
    async time(encode) {
      const encoder = handle.createCommandEncoder({ label: 'tune' })
      const pass = encoder.beginComputePass()
      encode(pass)
      pass.end()
      const commands = encoder.finish()
      await handle.queue.onSubmittedWorkDone()
      const start = performance.now()
      queue.submit([commands], 0)
      await handle.queue.onSubmittedWorkDone()
      return performance.now() - start
    },
    close: () => {},
  }
}

class TimestampClock implements Clock {
  batchMs: number = coarseBatchMs
  private readonly device: Device
  private readonly querySet: GPUQuerySet
  private readonly resolved: GPUBuffer
  private readonly staging: GPUBuffer

  constructor(device: Device) {
    const { handle } = device
    const label = 'tune'
    this.device = device
    this.querySet = handle.createQuerySet({ label, type: 'timestamp', count: 2 })
    this.resolved = handle.createBuffer({
      label,
      size: 16,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    })
    this.staging = handle.createBuffer({ label, size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
  }

  /** Looks at how fine the timestamps are; false where they stand still. */
  async calibrate(): Promise<boolean> {
    const [start, end] = await this.ticks(() => {})
    if (end === 0n || end < start) return false
    // Coarse ones are cut to whole tenths of a millisecond, or have their low 16 bits cleared.
    const isCoarse = [start, end].every((t) => t % 100_000n === 0n || t % 65_536n === 0n)
    if (!isCoarse) this.batchMs = fineBatchMs
    return true
  }

  async time(encode: (pass: GPUComputePassEncoder) => void): Promise<number> {
    const [start, end] = await this.ticks(encode)
    return Math.max(0, Number(end - start)) / 1e6
  }

  close(): void {
    this.querySet.destroy()
    this.resolved.destroy()
    this.staging.destroy()
  }

  private async ticks(encode: (pass: GPUComputePassEncoder) => void): Promise<[bigint, bigint]> {
    const { handle, queue } = this.device
    const encoder = handle.createCommandEncoder({ label: 'tune' })
    const timestampWrites = { querySet: this.querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 }
    const pass = encoder.beginComputePass({ timestampWrites })
    encode(pass)
    pass.end()
    encoder.resolveQuerySet(this.querySet, 0, 2, this.resolved, 0)
    encoder.copyBufferToBuffer(this.resolved, 0, this.staging, 0, 16)
    queue.submit([encoder.finish()], 0)
    await this.staging.mapAsync(GPUMapMode.READ)
    const [start, end] = new BigUint64Array(this.staging.getMappedRange().slice(0))
    this.staging.unmap()
    return [start as bigint, end as bigint]
  }
}
