import { Device, type DeviceOptions } from '../../src/gpu/device.ts'

/** What a fake GPU was asked for since it was made, or since {@link FakeGpu.reset}. */
export interface Counts {
  buffers: number
  bindGroups: number
  layouts: number
  pipelines: number
  submits: number
  passes: number
  dispatches: number
  writes: number
  copies: number
}

/** A buffer without memory. */
export interface FakeBuffer {
  readonly label: string
  readonly size: number
  destroyed: boolean
}

interface FakeBinding {
  readonly buffer: FakeBuffer
  readonly offset: number
  readonly size: number
  readonly type: string
}

interface FakeGroup {
  readonly label: string
  readonly bindings: readonly FakeBinding[]
}

/** One dispatch as it was encoded. */
export interface FakeDispatch {
  readonly label: string
  readonly pipeline: string
  readonly grid: readonly number[]
  readonly bindings: readonly FakeBinding[]
}

const noCounts: Counts = {
  buffers: 0,
  bindGroups: 0,
  layouts: 0,
  pipelines: 0,
  submits: 0,
  passes: 0,
  dispatches: 0,
  writes: 0,
  copies: 0,
}

/** WebGPU's own, which every device has. */
const defaultLimits = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
}

/**
 * As much of a GPUDevice as plans need to be built, bound and run. It computes nothing, counts everything, and holds each dispatch to
 * WebGPU's rules for buffers: ranges inside of the buffer, nothing destroyed, nothing read-only and writable at once.
 */
export class FakeGpu {
  counts: Counts = { ...noCounts }
  /** Dispatches in the order of submission. */
  dispatches: FakeDispatch[] = []
  /** What reached the queue, in order: `submit`, `write`. */
  log: string[] = []
  /** Bytes of the buffers that are not destroyed. */
  bytes = 0
  /** Most pipelines that were being compiled at once. */
  compilingAtMost = 0
  /** With true, submitted work is done only when {@link finish} says so. */
  holding = false
  /** What the next out-of-memory scope finds. */
  outOfMemory = false
  readonly handle: GPUDevice
  private compiling = 0
  private readonly held: (() => void)[] = []
  private readonly scopes: string[] = []
  private readonly limits: typeof defaultLimits

  /** `limits` beyond WebGPU's own. */
  constructor(limits: Partial<typeof defaultLimits> = {}) {
    this.limits = { ...defaultLimits, ...limits }
    this.handle = this.makeHandle() as unknown as GPUDevice
  }

  reset(): void {
    this.counts = { ...noCounts }
    this.dispatches = []
    this.log = []
  }

  /** Lets the oldest `n` held submits be done. */
  async finish(n = 1): Promise<void> {
    for (const done of this.held.splice(0, n)) done()
    for (let i = 0; i < 8; i++) await Promise.resolve()
  }

  private makeHandle(): object {
    return {
      limits: this.limits,
      features: new Set<string>(),
      lost: new Promise(() => {}),
      queue: {
        submit: (buffers: (() => void)[]): void => {
          this.counts.submits++
          this.log.push('submit')
          for (const run of buffers) run()
        },
        writeBuffer: (buffer: FakeBuffer, offset: number, data: { byteLength: number }): void => {
          check(!buffer.destroyed, `write to the destroyed buffer ${buffer.label}`)
          check(offset + data.byteLength <= buffer.size, `write past the end of ${buffer.label}`)
          this.counts.writes++
          this.log.push('write')
        },
        onSubmittedWorkDone: (): Promise<void> =>
          this.holding ? new Promise((resolve) => this.held.push(resolve)) : Promise.resolve(),
      },
      createBuffer: (d: GPUBufferDescriptor) => this.createBuffer(d),
      createBindGroupLayout: (d: GPUBindGroupLayoutDescriptor) => {
        this.counts.layouts++
        return { types: [...d.entries].map((e) => e.buffer?.type ?? '') }
      },
      createPipelineLayout: (): object => ({}),
      createBindGroup: (d: GPUBindGroupDescriptor) => this.createBindGroup(d),
      createShaderModule: (): object => ({ getCompilationInfo: async () => ({ messages: [] }) }),
      createComputePipelineAsync: async (d: GPUComputePipelineDescriptor) => {
        this.compilingAtMost = Math.max(this.compilingAtMost, ++this.compiling)
        await new Promise((resolve) => setTimeout(resolve))
        this.compiling--
        this.counts.pipelines++
        return { label: d.label ?? '' }
      },
      createCommandEncoder: () => this.createEncoder(),
      pushErrorScope: (filter: string): void => {
        this.scopes.push(filter)
      },
      popErrorScope: async (): Promise<object | null> => {
        if (this.scopes.pop() !== 'out-of-memory' || !this.outOfMemory) return null
        this.outOfMemory = false
        return { message: 'out of memory' }
      },
      destroy: (): void => {},
    }
  }

  private createBuffer(d: GPUBufferDescriptor): FakeBuffer {
    check(d.size <= this.limits.maxBufferSize, `a buffer of ${d.size} bytes`)
    this.counts.buffers++
    this.bytes += d.size
    const buffer = {
      label: d.label ?? '',
      size: d.size,
      destroyed: false,
      destroy: (): void => {
        if (!buffer.destroyed) this.bytes -= d.size
        buffer.destroyed = true
      },
      mapAsync: async (): Promise<void> => {},
      getMappedRange: (_: number, size: number): ArrayBuffer => new ArrayBuffer(size),
      unmap: (): void => {},
    }
    return buffer
  }

  private createBindGroup(d: GPUBindGroupDescriptor): FakeGroup {
    this.counts.bindGroups++
    const { types } = d.layout as unknown as { types: readonly string[] }
    const bindings = [...d.entries].map(({ resource }, i): FakeBinding => {
      const { buffer, offset = 0, size } = resource as unknown as { buffer: FakeBuffer; offset?: number; size?: number }
      return { buffer, offset, size: size ?? buffer.size - offset, type: types[i] as string }
    })
    check(bindings.length === types.length, `${d.label}: ${bindings.length} bindings for a layout of ${types.length}`)
    for (const b of bindings) {
      check(b.offset % 256 === 0, `${d.label}: offset ${b.offset}`)
      check(b.offset + b.size <= b.buffer.size, `${d.label}: a binding passes the end of ${b.buffer.label}`)
    }
    return { label: d.label ?? '', bindings }
  }

  private createEncoder(): object {
    const commands: (() => void)[] = []
    const copy = (from: FakeBuffer, fromOffset: number, to: FakeBuffer, toOffset: number, bytes: number): void => {
      commands.push(() => {
        this.counts.copies++
        check(!from.destroyed && !to.destroyed, `copy between ${from.label} and ${to.label}, one of them destroyed`)
        check(fromOffset + bytes <= from.size && toOffset + bytes <= to.size, `copy past ${from.label} or ${to.label}`)
      })
    }
    return {
      copyBufferToBuffer: copy,
      clearBuffer: (): void => {},
      beginComputePass: (): object => {
        this.counts.passes++
        let pipeline = ''
        let group: FakeGroup | null = null
        return {
          setPipeline: (p: { label: string }): void => {
            pipeline = p.label
          },
          setBindGroup: (_: number, g: FakeGroup): void => {
            group = g
          },
          dispatchWorkgroups: (...grid: number[]): void => {
            const { label, bindings } = group as FakeGroup
            commands.push(() => this.dispatch({ label, bindings, pipeline, grid }))
          },
          end: (): void => {},
        }
      },
      finish: () => (): void => {
        for (const run of commands) run()
      },
    }
  }

  private dispatch(d: FakeDispatch): void {
    this.counts.dispatches++
    this.dispatches.push(d)
    for (const b of d.bindings) check(!b.buffer.destroyed, `${d.label}: ${b.buffer.label} is destroyed`)
    for (const w of d.bindings.filter((b) => b.type === 'storage')) {
      for (const b of d.bindings) {
        if (b === w || b.buffer !== w.buffer) continue
        check(b.type === 'storage', `${d.label}: ${w.buffer.label} is read-only and writable at once`)
        check(b.offset + b.size <= w.offset || w.offset + w.size <= b.offset, `${d.label}: two writable ranges overlap`)
      }
    }
  }
}

function check(ok: boolean, what: string): void {
  if (!ok) throw new Error(`fake GPU: ${what}`)
}

/** A device over a fake GPU that counts; `limits` are those beyond WebGPU's own. */
export function fakeDevice(
  options: DeviceOptions = {},
  limits: ConstructorParameters<typeof FakeGpu>[0] = {},
): { readonly gpu: FakeGpu; readonly device: Device } {
  const gpu = new FakeGpu(limits)
  const info = {
    vendor: 'fake',
    architecture: '',
    description: 'a GPU that counts',
    software: false,
    features: [],
    subgroupSize: null,
  }
  return { gpu, device: new Device(gpu.handle, info, options) }
}
