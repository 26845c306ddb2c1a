import type { RoofKernel } from './shaders.ts'

/** One measurement, in units of work for each nanosecond: GFLOP/s or GB/s. */
export interface Rate {
  readonly byWall: number
  /** By the GPU's timestamps; by the wall clock where there are none. */
  readonly byTimestamps: number
}

/** Runs a kernel again and again in one pass, as often as fills the time that is asked for. */
export class Meter {
  readonly #device: GPUDevice
  readonly #pipeline: GPUComputePipeline
  readonly #group: GPUBindGroup
  readonly #kernel: RoofKernel
  readonly #clock: Clock | null
  #groups: number
  #count = 1

  private constructor(
    device: GPUDevice,
    pipeline: GPUComputePipeline,
    kernel: RoofKernel,
    buffers: readonly GPUBuffer[],
    clock: Clock | null,
  ) {
    this.#device = device
    this.#pipeline = pipeline
    this.#kernel = kernel
    this.#groups = kernel.groups
    this.#clock = clock
    this.#group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    })
  }

  static async create(
    device: GPUDevice,
    kernel: RoofKernel,
    buffers: readonly GPUBuffer[],
    clock: Clock | null,
  ): Promise<Meter> {
    const module = device.createShaderModule({ code: kernel.code })
    const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } })
    return new Meter(device, pipeline, kernel, buffers, clock)
  }

  /** Measures for about `ms` milliseconds; the first time it finds how much work that is. */
  async measure(ms: number): Promise<Rate> {
    for (;;) {
      const work = (this.#groups * this.#count * this.#kernel.work) / 1e6
      const { wallMs, gpuMs } = await this.#run()
      const rate = { byWall: work / wallMs, byTimestamps: work / (gpuMs ?? wallMs) }
      if (!this.#grow(ms / wallMs)) return rate
    }
  }

  /** Takes more work where what was done is much too short, larger dispatches before more of them. */
  #grow(factor: number): boolean {
    const wanted = Math.min(10, factor)
    const { mostGroups } = this.#kernel
    if (wanted < 1.5) {
      if (factor < 0.5) this.#count = Math.max(1, Math.ceil(this.#count * factor))
      return false
    }
    if (this.#groups < mostGroups) this.#groups = Math.min(mostGroups, Math.ceil(this.#groups * wanted))
    else this.#count = Math.ceil(this.#count * wanted)
    return true
  }

  async #run(): Promise<{ wallMs: number; gpuMs: number | null }> {
    const device = this.#device
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass(this.#clock?.pass ?? {})
    pass.setPipeline(this.#pipeline)
    pass.setBindGroup(0, this.#group)
    for (let i = 0; i < this.#count; i++) pass.dispatchWorkgroups(this.#groups)
    pass.end()
    const commands = encoder.finish()
    const start = performance.now()
    device.queue.submit([commands])
    await device.queue.onSubmittedWorkDone()
    const wallMs = performance.now() - start
    return { wallMs, gpuMs: (await this.#clock?.read()) ?? null }
  }
}

/** The GPU's clock around a pass. */
export class Clock {
  readonly #device: GPUDevice
  readonly #query: GPUQuerySet
  readonly #resolved: GPUBuffer
  readonly #staging: GPUBuffer
  /** Of the pass to be timed. */
  readonly pass: GPUComputePassDescriptor

  constructor(device: GPUDevice) {
    this.#device = device
    this.#query = device.createQuerySet({ type: 'timestamp', count: 2 })
    this.#resolved = device.createBuffer({ size: 16, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC })
    this.#staging = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
    this.pass = {
      timestampWrites: { querySet: this.#query, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    }
  }

  /** Milliseconds of the latest pass; null where the clock did not move. */
  async read(): Promise<number | null> {
    const encoder = this.#device.createCommandEncoder()
    encoder.resolveQuerySet(this.#query, 0, 2, this.#resolved, 0)
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, 16)
    this.#device.queue.submit([encoder.finish()])
    await this.#staging.mapAsync(GPUMapMode.READ)
    const [start, end] = new BigUint64Array(this.#staging.getMappedRange().slice(0))
    this.#staging.unmap()
    const ms = Number((end as bigint) - (start as bigint)) / 1e6
    return ms > 0 ? ms : null
  }
}
