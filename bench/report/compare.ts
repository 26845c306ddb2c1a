import type { Kernel, Report, Roof } from '../run/results.ts'
import { type Estimate, median, medianRatio, spread } from '../run/statistics.ts'
import { columns, duration, percent, short } from './format.ts'

/** A time that moved between two runs by more than it spreads. */
export interface Move {
  readonly workload: string
  readonly contestant: string
  readonly before: number
  readonly after: number
  /** New over old with a bootstrap 95 % interval: above 1 is slower. */
  readonly ratio: Estimate
  /** How much it would have to move, as a share. */
  readonly margin: number
}

/** Below this share nothing is reported: two processes on one machine differ by as much. */
const leastMargin = 0.05

/**
 * What moved from `before` to `after`: the interval of the ratio leaves out 1, and the ratio leaves the margin, which is
 * the larger of 5 %, the spreads of the two runs together, and how far the roof, which no change of ours moves, moved.
 */
export function movesBetween(before: Report, after: Report): Move[] {
  const drift = driftOf(before.roof, after.roof)
  const moves: Move[] = []
  for (const { suite, name, rows, kernels } of after.workloads) {
    const old = before.workloads.find((w) => w.suite === suite && w.name === name)
    for (const kernel of kernels) {
      const oldKernel = old?.kernels.find((k) => k.contestant === kernel.contestant && k.name === kernel.name)
      const move = oldKernel && moveOfKernel(oldKernel, kernel, drift)
      if (move) moves.push({ ...move, workload: `${name}: ${kernel.name}`, contestant: kernel.contestant })
    }
    for (const row of rows) {
      const oldRow = old?.rows.find(({ contestant }) => contestant === row.contestant)
      if (!oldRow || oldRow.ms === null || row.ms === null) continue
      const ratio = medianRatio(row.samples, oldRow.samples, { paired: false })
      const margin = Math.max(leastMargin, (row.spread ?? 1) + (oldRow.spread ?? 1), drift)
      if (isOutside(ratio, margin))
        moves.push({ workload: name, contestant: row.contestant, before: oldRow.ms, after: row.ms, ratio, margin })
    }
  }
  return moves
}

/** A kernel within a step is told of by the same rule. Clocks with coarse ticks give no ratio, and so no move. */
function moveOfKernel(old: Kernel, now: Kernel, drift: number): Omit<Move, 'workload' | 'contestant'> | null {
  if (Math.min(old.samples.length, now.samples.length) < 3) return null
  const ratio = medianRatio(now.samples, old.samples, { paired: false })
  const margin = Math.max(leastMargin, spread(now.samples) + spread(old.samples), drift)
  return isOutside(ratio, margin) ? { before: median(old.samples), after: median(now.samples), ratio, margin } : null
}

function isOutside({ value, low, high }: Estimate, margin: number): boolean {
  return (value > 1 + margin || value < 1 / (1 + margin)) && (low > 1 || high < 1)
}

function driftOf(a: Roof | null, b: Roof | null): number {
  if (!a || !b) return 0
  const change = a.gflops / b.gflops
  return Math.max(change, 1 / change) - 1
}

/** Outcomes that changed: what was right is wrong, what ran fails, and the other way round. */
function changedOutcomes(before: Report, after: Report): string[] {
  return after.workloads.flatMap(({ suite, name, rows }) => {
    const old = before.workloads.find((w) => w.suite === suite && w.name === name)
    return rows.flatMap((row) => {
      const oldRow = old?.rows.find(({ contestant }) => contestant === row.contestant)
      return oldRow && oldRow.outcome !== row.outcome
        ? [`${name}, ${row.contestant}: ${oldRow.outcome} before, ${row.outcome} now ${row.message}`.trim()]
        : []
    })
  })
}

/** The comparison as text. */
export function comparison(before: Report, after: Report): string {
  const moves = movesBetween(before, after)
  const lines: string[] = []
  if (before.host !== after.host || before.adapter !== after.adapter)
    lines.push(`Another machine: ${before.host}, ${before.adapter} before; ${after.host}, ${after.adapter} now.`)
  lines.push(...changedOutcomes(before, after))
  if (moves.length === 0) return [...lines, 'Nothing moved by more than it spreads.', ''].join('\n')
  const rows = moves.map(({ workload, contestant, before: old, after: now, ratio, margin }) => [
    workload,
    contestant,
    duration(old),
    duration(now),
    `${short(ratio.value)}x [${short(ratio.low)}, ${short(ratio.high)}]`,
    `±${percent(margin)}`,
    ratio.value > 1 ? 'slower' : 'faster',
  ])
  lines.push(columns([['moved', '', 'before', 'now', 'now / before [95 %]', 'margin', ''], ...rows], 2))
  return `${lines.join('\n')}\n`
}
