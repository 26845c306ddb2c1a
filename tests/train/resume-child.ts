import { folderStore, openDevice } from '../../src/node.ts'
import { type RunKind, type RunResult, run } from './resumable-run.ts'

/** What a child process is told: where checkpoints are, and what to run one after the other. */
export interface ChildTask {
  folder: string
  runs: { kind: RunKind; from?: string; until?: number; saveAt?: readonly number[] }[]
}

const task = JSON.parse(process.argv[2] ?? '{}') as ChildTask
const device = await openDevice()
const store = folderStore(task.folder)
const results: RunResult[] = []
for (const { kind, ...options } of task.runs) results.push(await run(kind, { store, ...options }))
device.close()
process.stdout.write(JSON.stringify(results))
