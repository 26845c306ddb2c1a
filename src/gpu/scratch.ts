import { type Block, type Pool, sizeClass } from './pool.ts'

/**
 * Blocks that plans use for values which die within a step. Plans run one after another, so all of them share one set:
 * its size is that of the largest plan and not their sum.
 */
export class Scratch {
  private readonly shared = new Set<Block>()
  private readonly users = new Map<Block, number>()
  private readonly pool: Pool

  constructor(pool: Pool) {
    this.pool = pool
  }

  /** One block for each size, no block twice. Give them back with {@link release}. */
  take(sizes: readonly number[], label: string): Block[] {
    const matched = this.match(sizes)
    const blocks = new Array<Block>(sizes.length)
    const fresh: Block[] = []
    try {
      sizes.forEach((bytes, i) => {
        const found = matched[i]
        blocks[i] = found ?? this.pool.acquire(bytes, label)
        if (!found) fresh.push(blocks[i] as Block)
      })
    } catch (error) {
      for (const block of fresh) this.pool.release(block)
      throw error
    }
    for (const block of blocks) {
      this.shared.add(block)
      this.users.set(block, (this.users.get(block) ?? 0) + 1)
    }
    return blocks
  }

  /** Sizes for which {@link take} would have to go to the pool. */
  missing(sizes: readonly number[]): number[] {
    const matched = this.match(sizes)
    return sizes.filter((_, i) => !matched[i])
  }

  release(blocks: readonly Block[]): void {
    for (const block of blocks) {
      const left = (this.users.get(block) ?? 0) - 1
      if (left > 0) this.users.set(block, left)
      else {
        this.users.delete(block)
        this.shared.delete(block)
        this.pool.release(block)
      }
    }
  }

  /** The smallest shared block that fits each size, the largest sizes served first. */
  private match(sizes: readonly number[]): (Block | undefined)[] {
    const taken = new Set<Block>()
    const found = new Array<Block | undefined>(sizes.length)
    const order = sizes.map((_, i) => i).sort((a, b) => (sizes[b] as number) - (sizes[a] as number))
    const blocks = [...this.shared].sort((a, b) => a.bytes - b.bytes || a.id - b.id)
    for (const i of order) {
      const need = sizeClass(sizes[i] as number)
      const block = blocks.find((b) => b.bytes >= need && !taken.has(b))
      if (block) {
        taken.add(block)
        found[i] = block
      }
    }
    return found
  }
}
