import { type CheckResult, checks, runChecks } from './checks.ts'

/** Runs every op check and prints each result as one line of JSON. */
function print(result: CheckResult | { adapter: string } | { done: number }): void {
  console.log(JSON.stringify(result))
}

const adapter = await navigator.gpu.requestAdapter()
print({ adapter: adapter?.info.description ?? 'none' })
const results = await runChecks(navigator.gpu, checks, print)
print({ done: results.length })
