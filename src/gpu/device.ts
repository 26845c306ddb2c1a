import { DeviceLostError, fail, WgradError } from '../errors.ts'
import { type AdapterChoice, type DeviceInfo, describe, negotiate, requestAdapter } from './adapter.ts'
import { Pipelines } from './pipelines.ts'
import { type Block, Pool } from './pool.ts'
import { Queue } from './queue.ts'
import { Readback, type ReadSource } from './readback.ts'
import { Scratch } from './scratch.ts'
import type { TuningStore } from './tuning-store.ts'
import { VariantTable } from './variants.ts'

/** Options of {@link openDevice}. */
export interface DeviceOptions {
  /** Where to find WebGPU; `navigator.gpu` unless given. */
  gpu?: GPU
  /** Which adapter to ask for; 'default' unless given. */
  adapter?: AdapterChoice
  /** Most bytes of GPU buffers that wgrad may hold; unlimited unless given. */
  memoryBudget?: number
  /**
   * Longest GPU time of one submit in milliseconds, so that a page keeps its frame rate; 40 on a GPU, 1000 on a
   * software adapter.
   */
  submitBudgetMs?: number
  /** How far, in milliseconds of GPU time, the queue may run ahead of the GPU; 100 unless given. */
  runAheadMs?: number
  /**
   * Where measured answers about kernels are kept for later starts; null: nowhere. IndexedDB in pages and workers, a file
   * in the user's cache folder in Node unless given. It is read and written by `prepare` with `tune` alone.
   */
  tuning?: TuningStore | null
  /** @internal Fills buffers with NaN and puts a guard zone behind each; for tests. */
  guard?: boolean
}

let current: Device | null = null

/**
 * Opens a WebGPU device with every limit and feature of use that its adapter has. The first device opened becomes the
 * default one and stays it until it is closed. Throws a WgradError that says what to do where there is no WebGPU or no
 * adapter.
 */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const gpu = options.gpu ?? (globalThis.navigator as Navigator | undefined)?.gpu
  const budget = options.memoryBudget ?? Number.POSITIVE_INFINITY
  if (!(budget > 0)) fail('openDevice', `memoryBudget is ${budget}`, 'it must be a number of bytes above 0')
  const adapter = await requestAdapter(gpu, options.adapter ?? 'default')
  const handle = await adapter.requestDevice(negotiate(adapter))
  const device = new Device(handle, describe(adapter, handle), options)
  current ??= device
  return device
}

/** The device that tensors are made on when none is named; throws before the first {@link openDevice}. */
export function defaultDevice(): Device {
  return current ?? fail('wgrad', 'no device is open', 'call `await openDevice()` first')
}

/** Makes `device` the default one. */
export function setDefaultDevice(device: Device): void {
  device.assertUsable('setDefaultDevice')
  current = device
}

/** An open GPU: its limits, its memory, its queue. */
export class Device {
  /** WebGPU's own device. */
  readonly handle: GPUDevice
  /** Which adapter it is, and what it can do. */
  readonly info: DeviceInfo
  /** WebGPU's limits, as granted. */
  readonly limits: GPUSupportedLimits
  /** Which of several kernels does which work: to be saved with a run, and pinned when it is repeated. */
  readonly variants: VariantTable
  /** @internal */
  readonly pool: Pool
  /** @internal */
  readonly scratch: Scratch
  /** @internal */
  readonly queue: Queue
  /** @internal */
  readonly pipelines: Pipelines
  /** @internal */
  readonly readback: Readback
  /** Longest GPU time of one submit, in milliseconds. */
  readonly submitBudgetMs: number
  /** Most bytes of GPU buffers that wgrad may hold. */
  readonly memoryBudget: number
  /** @internal */
  readonly guard: boolean
  private lost: string | null = null
  private fault: WgradError | null = null
  private watched: Promise<void> = Promise.resolve()

  /** @internal Devices come from {@link openDevice}. */
  constructor(handle: GPUDevice, info: DeviceInfo, options: DeviceOptions) {
    this.handle = handle
    this.info = info
    this.limits = handle.limits
    this.guard = options.guard ?? false
    this.variants = new VariantTable(options.tuning)
    this.memoryBudget = options.memoryBudget ?? Number.POSITIVE_INFINITY
    this.submitBudgetMs = options.submitBudgetMs ?? (info.software ? 1000 : 40)
    this.queue = new Queue(handle, options.runAheadMs ?? 100, (error) => this.report(error))
    const later = (run: () => void): void => this.queue.enqueue({ cost: 0, run })
    this.pool = new Pool(handle, { guard: this.guard, budget: this.memoryBudget, later })
    this.scratch = new Scratch(this.pool)
    this.pipelines = new Pipelines(handle)
    this.readback = new Readback(handle)
    handle.addEventListener?.('uncapturederror', (event) => {
      event.preventDefault?.()
      this.report(new WgradError(`WebGPU reported: ${event.error.message}`))
    })
    handle.lost.then(
      (why) => this.lose(`the device was lost (${why.reason ?? 'unknown'}): ${why.message}`),
      () => {},
    )
  }

  /** False once the device is lost or closed. */
  get usable(): boolean {
    return this.lost === null
  }

  /** Bytes of all GPU buffers: tensors, plans, staging. */
  get bytes(): number {
    return this.pool.allocated + this.readback.allocated
  }

  /** @internal Throws when the device is lost or closed, or when WebGPU reported an error since the last check. */
  assertUsable(op: string): void {
    if (this.lost !== null)
      throw new DeviceLostError(`${op}: ${this.lost}; open a new device and load the last checkpoint`)
    if (this.fault) {
      const message = this.fault.message
      this.fault = null
      throw new WgradError(`${op}: ${message}`)
    }
  }

  /** @internal Keeps the first error that came outside of any call; the next read or step throws it. */
  report(error: unknown): void {
    this.fault ??= error instanceof WgradError ? error : new WgradError(String(error))
  }

  /**
   * @internal Does work and asks WebGPU whether it was valid. If not, the error is reported under the name that `find` comes up
   * with; reads wait for the answer.
   */
  watch(work: () => void, find: () => Promise<string | null>): void {
    this.handle.pushErrorScope('validation')
    let scope: Promise<GPUError | null>
    try {
      work()
    } finally {
      scope = this.handle.popErrorScope()
    }
    const before = this.watched
    const settle = async (): Promise<void> => {
      await before
      const error = await scope
      if (error) this.report(new WgradError(`${(await find()) ?? 'run'}: WebGPU reported: ${error.message}`))
    }
    this.watched = settle().catch(() => {})
  }

  /** @internal Copies ranges of buffers to the host, in queue order; each padded to 4 bytes. */
  async read(op: string, sources: () => readonly ReadSource[]): Promise<ArrayBuffer[]> {
    this.assertUsable(op)
    const bytes = await new Promise<ArrayBuffer[]>((resolve, reject) => {
      this.queue.enqueue({
        cost: 0,
        run: () => {
          this.assertUsable(op)
          const encoder = this.handle.createCommandEncoder({ label: op })
          const reading = this.readback.begin(encoder, sources())
          this.queue.submit([encoder.finish()], 0)
          reading.finish().then(resolve, (error: unknown) => {
            const why = this.lost ?? `mapping failed (${String(error)})`
            reject(new DeviceLostError(`${op}: ${why}; open a new device and load the last checkpoint`))
          })
        },
        fail: reject,
      })
    })
    await this.watched
    this.assertUsable(op)
    return bytes
  }

  /** @internal Queues the writing of host data; `data` must not change afterwards. */
  write(block: Block, offset: number, data: ArrayBuffer): void {
    this.queue.enqueue({ cost: 0, run: () => this.handle.queue.writeBuffer(block.buffer, offset, data) })
  }

  /** @internal Queues the clearing of a range to zero. */
  clear(block: Block, offset: number, bytes: number): void {
    this.queue.enqueue({
      cost: 0,
      run: () => {
        const encoder = this.handle.createCommandEncoder({ label: 'clear' })
        encoder.clearBuffer(block.buffer, offset, bytes)
        this.queue.submit([encoder.finish()], 0)
      },
    })
  }

  /** Resolves when all work given so far is done; throws what went wrong meanwhile. */
  async idle(): Promise<void> {
    await this.queue.idle()
    await this.watched
    this.assertUsable('idle')
  }

  /** Destroys every buffer and the device. Reads that wait are rejected; later ones throw a DeviceLostError. */
  close(): void {
    if (this.lost === null) this.lose('the device was closed')
    this.pool.close()
    this.handle.destroy()
  }

  private lose(why: string): void {
    this.lost ??= why
    if (current === this) current = null
    this.queue.abandon(new DeviceLostError(why))
  }
}
