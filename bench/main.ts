import { writeFile } from 'node:fs/promises'
import { browserHost, nodeHost } from './hosts.ts'
import { runSteady, type SteadyOptions, type SteadyResult } from './run-steady.ts'
import { steadyTable } from './steady-table.ts'
import { type WorkloadName, workloads } from './suites/steady.ts'

/** The command line's options, checked. */
export interface BenchOptions extends SteadyOptions {
  node?: boolean
  hardware?: boolean
  only?: WorkloadName
  json?: string
}

/** Runs the suite `steady`, prints a table for each workload and writes the figures where asked. */
export async function steady(options: BenchOptions): Promise<void> {
  const host = options.node ? await nodeHost() : await browserHost(options.hardware ?? false)
  const results: SteadyResult[] = []
  try {
    for (const name of Object.keys(workloads) as WorkloadName[]) {
      if (options.only && options.only !== name) continue
      const result = await runSteady(host, name, options)
      results.push(result)
      console.log(steadyTable(host.name, result))
    }
  } finally {
    await host.close()
  }
  if (options.json) await writeFile(options.json, `${JSON.stringify({ host: host.name, results }, null, 2)}\n`)
}
