import { sizeClass } from './pool.ts'

/** Where the bytes of a read come from. */
export interface ReadSource {
  readonly buffer: GPUBuffer
  readonly offset: number
  readonly bytes: number
}

/** Staging buffers that are mapped, copied out and used again; a steady reader creates none. */
export class Readback {
  /** Bytes of all staging buffers. */
  allocated = 0
  private readonly free = new Map<number, GPUBuffer[]>()
  private readonly device: GPUDevice

  constructor(device: GPUDevice) {
    this.device = device
  }

  /** Records the copies of `sources` into one staging buffer; `finish` maps it after the submit. */
  begin(encoder: GPUCommandEncoder, sources: readonly ReadSource[]): { finish(): Promise<ArrayBuffer[]> } {
    const sizes = sources.map((s) => Math.ceil(s.bytes / 4) * 4)
    const total = sizeClass(sizes.reduce((a, b) => a + b, 0))
    const staging = this.free.get(total)?.pop() ?? this.create(total)
    let at = 0
    sources.forEach((s, i) => {
      const size = sizes[i] as number
      if (size > 0) encoder.copyBufferToBuffer(s.buffer, s.offset, staging, at, size)
      at += size
    })
    return { finish: () => this.collect(staging, total, at, sizes) }
  }

  private create(total: number): GPUBuffer {
    this.allocated += total
    return this.device.createBuffer({
      label: 'readback',
      size: total,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    })
  }

  private async collect(
    staging: GPUBuffer,
    total: number,
    used: number,
    sizes: readonly number[],
  ): Promise<ArrayBuffer[]> {
    await staging.mapAsync(GPUMapMode.READ, 0, Math.max(used, 4))
    const all = staging.getMappedRange(0, Math.max(used, 4))
    let at = 0
    const out = sizes.map((size) => {
      const part = all.slice(at, at + size)
      at += size
      return part
    })
    staging.unmap()
    const list = this.free.get(total)
    if (list) list.push(staging)
    else this.free.set(total, [staging])
    return out
  }
}
