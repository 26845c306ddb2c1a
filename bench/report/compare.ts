import { movesBetween } from '../run/moves.ts'
import type { Report } from '../run/results.ts'
import { median } from '../run/statistics.ts'
import { columns, duration, percent, short } from './format.ts'

/** How much longer the same work takes at the roof now, by the glances between samples: the machine and none of ours. */
function slowdown(before: Report, after: Report): number | null {
  const ratios = after.workloads.flatMap(({ suite, name, rows }) => {
    const old = before.workloads.find((w) => w.suite === suite && w.name === name)
    return rows.flatMap(({ contestant, roofs }) => {
      const oldRoofs = old?.rows.find((row) => row.contestant === contestant)?.roofs ?? []
      return roofs.length > 0 && oldRoofs.length > 0 ? [median(roofs) / median(oldRoofs)] : []
    })
  })
  return ratios.length > 0 ? median(ratios) : null
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
  const slower = slowdown(before, after)
  if (slower !== null)
    lines.push(`At the roof, work takes ${short(slower)} times as long as before; what follows is without that.`)
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
