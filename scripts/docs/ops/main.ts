import { writeFile } from 'node:fs/promises'
import { type Device, nodeGpu, openDevice } from '../../../src/node.ts'
import { runInChrome } from '../../../tests/environments/run-chrome.ts'
import { runInDeno } from '../../../tests/environments/run-deno.ts'
import { checks } from '../../../tests/ops/all.ts'
import { type CheckResult, runChecks, type WorstErrors, worseOf } from '../../../tests/ops/runner.ts'
import { collectFacts, type OpFacts } from './facts.ts'
import { formatTable, type Measured } from './table.ts'

// The figures of a software adapter are the same on every machine.
process.env.WGRAD_DRIVER ??= 'swiftshader'

async function runInNode(): Promise<{ adapter: string; results: CheckResult[] }> {
  const gpu: Device = await openDevice({ guard: true })
  const results = await runChecks(gpu, checks)
  gpu.close()
  return { adapter: gpu.info.description, results }
}

/** Turns errors by check into errors by op; a check that failed has none, and then there is no table. */
function measure(implementation: string, run: { adapter: string; results: CheckResult[] }, facts: readonly OpFacts[]) {
  const byCheck = new Map<string, WorstErrors>()
  for (const { name, worst, message } of run.results) {
    if (message) throw new Error(`docs:ops: the check ${name} fails in ${implementation}: ${message}`)
    if (worst) byCheck.set(name, worst)
  }
  const errors = new Map<string, WorstErrors>()
  for (const op of facts) {
    const found = op.checks.flatMap((check) => byCheck.get(check) ?? [])
    if (found.length > 0) errors.set(op.name, found.reduce(worseOf))
  }
  return { implementation, adapter: run.adapter, errors } satisfies Measured
}

// Brings the constants of WebGPU, which the facts need.
await nodeGpu()
const facts = await collectFacts()

console.log('running the checks in Node')
const inNode = await runInNode()
console.log('running the checks in Chrome')
const inChrome = await runInChrome()
console.log('running the checks in Deno')
const inDeno = await runInDeno()
if (inDeno.end !== 'done') throw new Error(`docs:ops: Deno did not come to its end: ${inDeno.end}`)

const runs = [
  measure('Node, Dawn', inNode, facts),
  measure('Chrome', inChrome, facts),
  measure('Deno, wgpu', inDeno, facts),
]
await writeFile(new URL('../../../docs/ops.md', import.meta.url), formatTable(facts, runs))
console.log(`docs/ops.md has ${facts.length} ops`)
