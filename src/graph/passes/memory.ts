/** A value that lives from the step that writes it to the last step that reads it, both included. */
export interface Interval {
  readonly bytes: number
  readonly from: number
  readonly to: number
  /** An interval that ends where this one begins and whose slot this one may take over within the step. */
  readonly takes?: number
}

/** Which slot each interval got, and how large each slot must be. */
export interface Placement {
  readonly slotOf: readonly number[]
  readonly slotBytes: readonly number[]
}

/** Intervals that follow one another in one slot. */
interface Chain {
  readonly members: number[]
  readonly from: number
  to: number
  bytes: number
}

/**
 * Shares slots over time: two intervals get one slot only if no step is in both, or if one takes over from the other.
 * The largest are placed first, each into the smallest slot that is free all its life, so that a small value never
 * keeps a large one from a slot of its size. With `reuse` false every interval has a slot of its own.
 */
export function placeIntervals(intervals: readonly Interval[], reuse: boolean): Placement {
  if (!reuse) return { slotOf: intervals.map((_, i) => i), slotBytes: intervals.map((v) => v.bytes) }
  const chains = chainsOf(intervals).sort((a, b) => b.bytes - a.bytes || a.from - b.from)
  const slotOf = new Array<number>(intervals.length).fill(-1)
  const slotBytes: number[] = []
  const tenants: Chain[][] = []
  for (const chain of chains) {
    // Slots come largest first, so the last one that is free fits best.
    let slot = tenants.findLastIndex((list) => list.every((other) => other.to < chain.from || chain.to < other.from))
    if (slot < 0) {
      slot = tenants.length
      tenants.push([])
      slotBytes.push(chain.bytes)
    }
    ;(tenants[slot] as Chain[]).push(chain)
    for (const i of chain.members) slotOf[i] = slot
  }
  return { slotOf, slotBytes }
}

/** Joins each interval with the one whose slot it takes over; a slot goes to one heir only. */
function chainsOf(intervals: readonly Interval[]): Chain[] {
  const chainOf: Chain[] = []
  const chains: Chain[] = []
  intervals.forEach(({ bytes, from, to, takes }, i) => {
    const before = takes === undefined ? undefined : chainOf[takes]
    if (before && before.to === from && before.members[before.members.length - 1] === takes) {
      before.members.push(i)
      before.to = to
      before.bytes = Math.max(before.bytes, bytes)
      chainOf[i] = before
    } else {
      const chain: Chain = { members: [i], from, to, bytes }
      chainOf[i] = chain
      chains.push(chain)
    }
  })
  return chains
}
