import { openDevice } from '../../src/index.ts'
import { checks } from '../ops/all.ts'
import { type CheckResult, runChecks } from '../ops/runner.ts'

/** What this program prints, one line of JSON each. */
export type Line = { adapter: string } | { result: CheckResult } | { done: number }

function print(line: Line): void {
  console.log(JSON.stringify(line))
}

const gpu = await openDevice({ guard: true })
print({ adapter: gpu.info.description })
const results = await runChecks(gpu, checks, (result) => print({ result }))
print({ done: results.length })
gpu.close()
