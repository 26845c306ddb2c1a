import { type CheckResult, checks, runChecks } from './checks.ts'

/** Runs every op check in this page; the answer can be cloned across processes. */
export async function runInPage(): Promise<CheckResult[]> {
  const report = (globalThis as { report?: (name: string) => void }).report
  return runChecks(navigator.gpu, checks, ({ name }) => report?.(name))
}
