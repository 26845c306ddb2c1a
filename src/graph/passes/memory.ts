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

/**
 * Shares slots over time: two intervals get one slot only if no step is in both, or if one takes over from the other.
 * Among free slots the smallest that fits is taken, else the largest grows. With `reuse` false every interval has a
 * slot of its own.
 */
export function placeIntervals(intervals: readonly Interval[], reuse: boolean): Placement {
  if (!reuse) return { slotOf: intervals.map((_, i) => i), slotBytes: intervals.map((v) => v.bytes) }
  const order = intervals
    .map((_, i) => i)
    .sort((a, b) => at(intervals, a).from - at(intervals, b).from || at(intervals, b).bytes - at(intervals, a).bytes)
  const slotOf = new Array<number>(intervals.length).fill(-1)
  const slotBytes: number[] = []
  /** The last step that a slot is busy in, and by which interval. */
  const busyTo: number[] = []
  const heldBy: number[] = []
  for (const i of order) {
    const { bytes, from, to, takes } = at(intervals, i)
    let slot = -1
    if (takes !== undefined) {
      const candidate = slotOf[takes] as number
      if (candidate >= 0 && heldBy[candidate] === takes && busyTo[candidate] === from) slot = candidate
    }
    if (slot < 0) {
      const free = slotBytes.map((_, s) => s).filter((s) => (busyTo[s] as number) < from)
      const fitting = free
        .filter((s) => (slotBytes[s] as number) >= bytes)
        .sort((a, b) => (slotBytes[a] as number) - (slotBytes[b] as number))
      const largest = free.sort((a, b) => (slotBytes[b] as number) - (slotBytes[a] as number))[0]
      slot = fitting[0] ?? largest ?? slotBytes.length
    }
    slotBytes[slot] = Math.max(slotBytes[slot] ?? 0, bytes)
    busyTo[slot] = to
    heldBy[slot] = i
    slotOf[i] = slot
  }
  return { slotOf, slotBytes }
}

function at(intervals: readonly Interval[], i: number): Interval {
  return intervals[i] as Interval
}
