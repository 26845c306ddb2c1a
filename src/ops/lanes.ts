import type { DeviceTraits } from '../graph/op.ts'

/** Threads that may share a row of so many columns, the default first: one on software, which pays for every barrier. */
export function lanesFor(columns: number, { software, maxInvocations }: DeviceTraits): number[] {
  const fitting = 2 ** Math.min(8, Math.max(1, Math.ceil(Math.log2(columns / 4))))
  const all = [...new Set([fitting, 32, 1])].filter((n) => n <= maxInvocations && n < 2 * columns)
  return software ? all.reverse() : all
}

/** The parameters of lib/lanes.wgsl for `lanes` threads a row: workgroups have 64 threads or more, and 16 where rows are not shared. */
export function linesOf(lanes: number): { readonly LANES: number; readonly LINES: number; readonly LEVELS: number } {
  return { LANES: lanes, LINES: lanes === 1 ? 16 : Math.max(1, 64 / lanes), LEVELS: Math.log2(lanes) }
}
