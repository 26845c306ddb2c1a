/** What WebGPU was asked for. */
export interface Counts {
  pipelines: number
  shaderModules: number
  buffers: number
  bindGroups: number
  submits: number
  dispatches: number
  writes: number
  mappings: number
}

/** JavaScript time of one submit that held a compute pass, in milliseconds. */
export interface Encoding {
  readonly dispatches: number
  /** Between the beginning and the end of its passes. */
  readonly loop: number
  /** From the making of its encoder to the end of the submit, without the loop. */
  readonly around: number
}

type Method = (this: object, ...args: never[]) => unknown

function noCounts(): Counts {
  return {
    pipelines: 0,
    shaderModules: 0,
    buffers: 0,
    bindGroups: 0,
    submits: 0,
    dispatches: 0,
    writes: 0,
    mappings: 0,
  }
}

/**
 * Watches from outside how WebGPU is used, by wrapping the methods of its prototypes: install before a device is opened and remove
 * afterwards. Bytes are those of `createBuffer` less those of `destroy`, so that nothing rests on a garbage collection. In the encode
 * loop only a dispatch is wrapped, by an addition; times are taken around whole loops and submits.
 */
export class Counters {
  counts: Counts = noCounts()
  /** Bytes of the buffers that exist. */
  bytes = 0
  /** The most bytes that existed at once. */
  peakBytes = 0
  private encodings: Encoding[] | null = null
  private started = 0
  private loopStarted = 0
  private loop = 0
  private dispatches = 0
  private readonly destroyed = new WeakSet<object>()
  private readonly restores: (() => void)[] = []

  /** Sets the counts to zero; bytes go on. */
  reset(): void {
    this.counts = noCounts()
  }

  /** Keeps the times of submits from here on. */
  record(): void {
    this.encodings = []
  }

  /** The times kept since {@link record}; keeps no more. */
  recorded(): readonly Encoding[] {
    const { encodings } = this
    this.encodings = null
    return encodings ?? []
  }

  install(): void {
    for (const name of ['createComputePipeline', 'createComputePipelineAsync'])
      this.before(GPUDevice, name, () => this.counts.pipelines++)
    this.before(GPUDevice, 'createShaderModule', () => this.counts.shaderModules++)
    this.before(GPUDevice, 'createBindGroup', () => this.counts.bindGroups++)
    this.before(GPUQueue, 'writeBuffer', () => this.counts.writes++)
    this.before(GPUBuffer, 'mapAsync', () => this.counts.mappings++)
    this.countBytes()
    this.timeEncoding()
  }

  /** Puts WebGPU's own methods back. */
  remove(): void {
    for (const restore of this.restores.splice(0).reverse()) restore()
  }

  private countBytes(): void {
    this.wrap(GPUDevice, 'createBuffer', (original) => {
      const counters = this
      return function (this: object, descriptor: GPUBufferDescriptor): unknown {
        counters.counts.buffers++
        counters.changeBytes(descriptor.size)
        return Reflect.apply(original, this, [descriptor])
      }
    })
    this.before(GPUBuffer, 'destroy', (buffer) => {
      if (this.destroyed.has(buffer)) return
      this.destroyed.add(buffer)
      this.changeBytes(-(buffer as GPUBuffer).size)
    })
  }

  private changeBytes(by: number): void {
    this.bytes += by
    this.peakBytes = Math.max(this.peakBytes, this.bytes)
  }

  private timeEncoding(): void {
    const counters = this
    this.before(GPUDevice, 'createCommandEncoder', () => {
      this.started = performance.now()
    })
    this.wrap(
      GPUCommandEncoder,
      'beginComputePass',
      (original) =>
        function (this: object, ...args: never[]): unknown {
          const pass = Reflect.apply(original, this, args)
          counters.loopStarted = performance.now()
          return pass
        },
    )
    this.wrap(GPUComputePassEncoder, 'dispatchWorkgroups', (original) => {
      const dispatch = original as GPUComputePassEncoder['dispatchWorkgroups']
      return function (this: object, x: number, y: number, z: number): void {
        counters.dispatches++
        dispatch.call(this as GPUComputePassEncoder, x, y, z)
      }
    })
    this.before(GPUComputePassEncoder, 'end', () => {
      this.loop += performance.now() - this.loopStarted
    })
    this.wrap(
      GPUQueue,
      'submit',
      (original) =>
        function (this: object, ...args: never[]): void {
          Reflect.apply(original, this, args)
          counters.submitted()
        },
    )
  }

  private submitted(): void {
    const { dispatches, loop } = this
    if (dispatches > 0) this.encodings?.push({ dispatches, loop, around: performance.now() - this.started - loop })
    this.counts.submits++
    this.counts.dispatches += dispatches
    this.dispatches = 0
    this.loop = 0
  }

  /** Calls `note` with the object ahead of its own method. */
  private before(owner: { prototype: object }, name: string, note: (of: object) => void): void {
    this.wrap(
      owner,
      name,
      (original) =>
        function (this: object, ...args: never[]): unknown {
          note(this)
          return Reflect.apply(original, this, args)
        },
    )
  }

  private wrap({ prototype }: { prototype: object }, name: string, make: (original: Method) => Method): void {
    const found = Object.getOwnPropertyDescriptor(prototype, name)
    if (!found) throw new Error(`bench: WebGPU's ${name} is not where it was; its prototype has no method of this name`)
    Object.defineProperty(prototype, name, { ...found, value: make(found.value as Method) })
    this.restores.push(() => Object.defineProperty(prototype, name, found))
  }
}
