import type { Bandwidth, Roof } from '../run/results.ts'

/** What a kernel has to do at least. */
export interface Work {
  readonly flops: number
  readonly bytes: number
}

/** The clock that what is held against a roof was timed by. */
export type RoofClock = 'wall' | 'timestamps'

/** The fastest traffic that a kernel with so many bytes in sight can reach: of buffers of at least this size, or of the largest. */
export function bandwidthFor({ bandwidths }: Roof, bytes: number, clock: RoofClock = 'wall'): Bandwidth {
  const fitting = bandwidths.filter((b) => b.bytes >= bytes)
  const largest = Math.max(...bandwidths.map((b) => b.bytes))
  const counted = fitting.length > 0 ? fitting : bandwidths.filter((b) => b.bytes === largest)
  return counted.reduce((best, b) => (speedOf(b, clock) > speedOf(best, clock) ? b : best))
}

function speedOf({ gbps, gbpsByTimestamps }: Bandwidth, clock: RoofClock): number {
  return clock === 'wall' ? gbps : gbpsByTimestamps
}

/** Milliseconds that work takes at the nearer roof by a clock: none can take less. */
export function timeAtRoof(roof: Roof, { flops, bytes }: Work, clock: RoofClock = 'wall'): number {
  const compute = flops / 1e6 / (clock === 'wall' ? roof.gflops : roof.gflopsByTimestamps)
  return Math.max(compute, bytes / 1e6 / speedOf(bandwidthFor(roof, bytes, clock), clock))
}

/** What two measurements tell of the time between them: speeds whose durations are the mean of theirs. */
export function between(a: Roof, b: Roof): Roof {
  return combine(a, b, (x, y) => 2 / (1 / x + 1 / y))
}

/** The most that was ever seen. */
export function bestOf(a: Roof, b: Partial<Roof>): Roof {
  return combine(a, b, Math.max)
}

/** What only one of them has is taken as it is. */
function combine(a: Roof, b: Partial<Roof>, of: (x: number, y: number) => number): Roof {
  const others = b.bandwidths ?? []
  const twin = (list: readonly Bandwidth[], { kind, bytes }: Bandwidth): Bandwidth | undefined =>
    list.find((other) => other.kind === kind && other.bytes === bytes)
  const merge = (own: Bandwidth, { gbps, gbpsByTimestamps }: Bandwidth): Bandwidth => ({
    ...own,
    gbps: of(own.gbps, gbps),
    gbpsByTimestamps: of(own.gbpsByTimestamps, gbpsByTimestamps),
  })
  return {
    clock: a.clock,
    gflops: of(a.gflops, b.gflops ?? a.gflops),
    gflopsByTimestamps: of(a.gflopsByTimestamps, b.gflopsByTimestamps ?? a.gflopsByTimestamps),
    bandwidths: [
      ...a.bandwidths.map((own) => merge(own, twin(others, own) ?? own)),
      ...others.filter((other) => !twin(a.bandwidths, other)),
    ],
  }
}
