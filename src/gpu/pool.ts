import { OutOfMemoryError } from '../errors.ts'

/** One GPUBuffer and its size class. A block has one owner at a time; the pool owns it when free. */
export interface Block {
  readonly buffer: GPUBuffer
  readonly bytes: number
  readonly id: number
}

/** Bytes past the end of every block in guard mode, holding a pattern that kernels must leave alone. */
export const guardBytes = 256
/** A NaN, so that a kernel that reads past the end shows it. */
const guardWord = 0xffc3_17e9
const nanWord = 0x7fc0_dead

/** Rounds up to a size class: steps of 256 bytes up to 4 KiB, then eight classes an octave (at most 12.5 % waste). */
export function sizeClass(bytes: number): number {
  const small = Math.max(256, Math.ceil(bytes / 256) * 256)
  if (small <= 4096) return small
  const step = 2 ** (Math.floor(Math.log2(small - 1)) - 3)
  return Math.ceil(small / Math.max(256, step)) * Math.max(256, step)
}

/** `1.5 MiB` */
export function formatBytes(n: number): string {
  if (n < 1024) return `${n} B`
  if (n < 2 ** 20) return `${(n / 1024).toFixed(1)} KiB`
  if (n < 2 ** 30) return `${(n / 2 ** 20).toFixed(1)} MiB`
  return `${(n / 2 ** 30).toFixed(2)} GiB`
}

/**
 * The one owner of every GPUBuffer that tensors and plans use. Blocks are kept by size class and handed out again;
 * the queue orders work, so a block released by one job may be used by the next at once.
 */
export class Pool {
  /** Bytes of every buffer that exists, in use or free. */
  allocated = 0
  /** Bytes of the blocks that someone owns. */
  used = 0
  /** Buffers created since the device was opened. */
  created = 0
  private readonly free = new Map<number, Block[]>()
  private readonly live = new Map<number, Block>()
  private nextId = 1
  private readonly device: GPUDevice
  private readonly guard: boolean
  private readonly later: (run: () => void) => void
  private readonly budget: number

  constructor(device: GPUDevice, options: { guard: boolean; budget: number; later: (run: () => void) => void }) {
    this.device = device
    this.guard = options.guard
    this.later = options.later
    this.budget = options.budget
  }

  /** A block of at least `bytes`. A fresh buffer holds zeros; a recycled one holds what it held. */
  acquire(bytes: number, label: string): Block {
    const size = sizeClass(bytes)
    const block = this.free.get(size)?.pop() ?? this.create(size, label)
    this.used += size
    this.live.set(block.id, block)
    if (this.guard) this.poison(block, bytes)
    return block
  }

  /** Gives a block back. What reads it must already be in the queue. */
  release(block: Block): void {
    if (!this.live.delete(block.id)) return
    this.used -= block.bytes
    const list = this.free.get(block.bytes)
    if (list) list.push(block)
    else this.free.set(block.bytes, [block])
  }

  /** Destroys the free blocks, behind all work that stands in line. */
  trim(): void {
    for (const list of this.free.values()) for (const block of list) this.destroy(block)
    this.free.clear()
  }

  /** Destroys everything; the device is closing. */
  close(): void {
    this.trim()
    for (const block of this.live.values()) this.destroy(block)
    this.live.clear()
  }

  /** Bytes that creating blocks of these sizes would add now, given what is free. */
  wouldAdd(sizes: readonly number[]): number {
    const left = new Map<number, number>()
    let added = 0
    for (const bytes of sizes) {
      const size = sizeClass(bytes)
      const free = left.get(size) ?? this.free.get(size)?.length ?? 0
      left.set(size, free - 1)
      if (free <= 0) added += size
    }
    return added
  }

  /** Blocks in use, for the guard check of the tests. */
  blocks(): Block[] {
    return [...this.live.values()]
  }

  private create(size: number, label: string): Block {
    const limit = this.device.limits.maxBufferSize
    if (size > limit) {
      throw new OutOfMemoryError(
        `${label}: needs a buffer of ${formatBytes(size)}, the device's limit is ${formatBytes(limit)}; make it smaller`,
      )
    }
    if (this.allocated + size > this.budget) {
      this.trim()
      if (this.allocated + size > this.budget) {
        throw new OutOfMemoryError(
          `${label}: ${formatBytes(size)} on top of ${formatBytes(this.allocated)} pass the memory budget of ${formatBytes(this.budget)}; free tensors or raise openDevice({ memoryBudget })`,
        )
      }
    }
    const buffer = this.device.createBuffer({
      label,
      size: size + (this.guard ? guardBytes : 0),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    })
    this.allocated += size
    this.created++
    return { buffer, bytes: size, id: this.nextId++ }
  }

  private destroy(block: Block): void {
    this.allocated -= block.bytes
    this.later(() => block.buffer.destroy())
  }

  private poison(block: Block, bytes: number): void {
    const words = new Uint32Array((block.bytes + guardBytes) / 4).fill(nanWord)
    words.fill(guardWord, Math.ceil(bytes / 4))
    this.later(() => this.device.queue.writeBuffer(block.buffer, 0, words))
  }
}

/** Counts the words of a guard zone that were overwritten. */
export function damagedGuards(words: Uint32Array): number {
  return words.reduce((n, w) => n + (w === guardWord ? 0 : 1), 0)
}
