import type { KernelTimes } from '../cell.ts'
import { timeAtRoof } from '../roof/share.ts'
import type { Kernel, Roof } from './results.ts'

/** Above this a mean says little. */
const mostUncertain = 0.25

/** What each kernel of a training step took, longest first, from times of every dispatch over several steps. */
export function kernelRows(contestant: string, times: KernelTimes, roof: Roof | null): Kernel[] {
  const groups = new Map<
    string,
    { samples: number[]; dispatches: number; flops: number; bytes: number; ideal: number }
  >()
  times.dispatches.forEach(({ name, flops, bytes }, i) => {
    const empty = { samples: times.steps.map(() => 0), dispatches: 0, flops: 0, bytes: 0, ideal: 0 }
    const group = groups.get(name) ?? empty
    groups.set(name, {
      samples: group.samples.map((sum, s) => sum + (times.steps[s]?.[i] ?? 0)),
      dispatches: group.dispatches + 1,
      flops: group.flops + flops,
      bytes: group.bytes + bytes,
      ideal: group.ideal + (roof ? timeAtRoof(roof, { flops, bytes }, 'timestamps') : 0),
    })
  })
  const rows = [...groups].map(([name, { samples, dispatches, flops, bytes, ideal }]): Kernel => {
    const ms = samples.reduce((sum, v) => sum + v, 0) / samples.length
    const uncertainty = ms > 0 ? standardError(samples, ms) / ms : 1
    const known = roof !== null && ms > 0 && uncertainty <= mostUncertain
    const share = known ? { ideal, roof: ideal / ms } : { ideal: null, roof: null }
    return { contestant, name, dispatches, samples, ms, uncertainty, flops, bytes, ...share }
  })
  return rows.sort((a, b) => b.ms - a.ms)
}

/** Of the mean: clocks with coarse ticks are right on average, and the more so the more steps. */
function standardError(samples: readonly number[], mean: number): number {
  if (samples.length < 2) return mean
  const squares = samples.reduce((sum, v) => sum + (v - mean) ** 2, 0)
  return Math.sqrt(squares / (samples.length - 1) / samples.length)
}
