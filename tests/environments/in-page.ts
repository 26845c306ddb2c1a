import { openDevice } from '../../src/index.ts'
import { checks } from '../ops/all.ts'
import { type CheckResult, runChecks } from '../ops/runner.ts'

/** What a run of all op checks answers. */
export interface PageRun {
  adapter: string
  results: CheckResult[]
}

/** Runs every op check in this page and reports the name of each as it is done. */
export async function runInPage(): Promise<PageRun> {
  const { report } = globalThis as { report?: (name: string) => void }
  const gpu = await openDevice({ guard: true })
  const results = await runChecks(gpu, checks, ({ name }) => report?.(name))
  gpu.close()
  return { adapter: gpu.info.description, results }
}
