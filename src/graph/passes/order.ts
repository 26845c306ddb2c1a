/** A small generator for tests that shuffle; mulberry32. */
export function shuffler(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** What tasks do to the memory in use, as things stand. */
export interface MemoryUse {
  /** Bytes that running a task now would free, less those that it would take. */
  net(task: number): number
  /** Told of each task as it is put in line. */
  ran(task: number): void
}

/** Where in `ready` the task stands that leaves the most memory; of equals the one that comes first by itself. */
function thriftiest(ready: readonly number[], memory: MemoryUse | undefined): number {
  let pick = 0
  let most = memory && ready.length > 1 ? memory.net(ready[0] as number) : 0
  for (let i = 1; i < ready.length; i++) {
    const net = memory ? memory.net(ready[i] as number) : 0
    if (net > most || (net === most && (ready[i] as number) < (ready[pick] as number))) {
      pick = i
      most = net
    }
  }
  return pick
}

/**
 * An order in which every task comes after those it must follow. Without a seed the tasks keep their own order as far
 * as that allows; with one, any legal order may come out. Answers the tasks that stand in a cycle when there is no such
 * order.
 */
export function orderTasks(
  count: number,
  after: readonly ReadonlySet<number>[],
  seed?: number,
  memory?: MemoryUse,
): { order: number[]; stuck: number[] } {
  const random = seed === undefined ? null : shuffler(seed)
  const left = after.map((s) => s.size)
  const followers: number[][] = Array.from({ length: count }, () => [])
  after.forEach((set, task) => {
    for (const before of set) (followers[before] as number[]).push(task)
  })
  const ready: number[] = []
  for (let i = 0; i < count; i++) if (left[i] === 0) ready.push(i)
  const order: number[] = []
  while (ready.length > 0) {
    let pick = 0
    if (random) pick = Math.floor(random() * ready.length)
    else pick = thriftiest(ready, memory)
    const task = ready.splice(pick, 1)[0] as number
    order.push(task)
    memory?.ran(task)
    for (const f of followers[task] as number[]) {
      left[f] = (left[f] as number) - 1
      if (left[f] === 0) ready.push(f)
    }
  }
  const done = new Set(order)
  return { order, stuck: Array.from({ length: count }, (_, i) => i).filter((i) => !done.has(i)) }
}
