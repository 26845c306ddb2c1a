import type { CheckResult } from './checks.ts'

/** The failed checks, one line each; empty where all passed. */
export function failures(results: readonly CheckResult[]): string {
  const lines = results.filter((each) => !each.ok).map((each) => `${each.name}: ${each.message ?? 'failed'}`)
  if (lines.length > 30) lines.splice(30, lines.length, `and ${lines.length - 30} more`)
  return lines.join('\n')
}
