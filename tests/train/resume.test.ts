import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDevice } from '../../src/index.ts'
import { memoryStore } from '../../src/train/index.ts'
import { type RunKind, type RunResult, run, wholeRun } from './resumable-run.ts'
import type { ChildTask } from './resume-child.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wgrad-resume-'))
  const device = await openDevice()
  return () => device.close()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function inNewProcess(task: ChildTask): Promise<RunResult[]> {
  const args = ['scripts/run.mjs', 'tests/train/resume-child.ts', JSON.stringify(task)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 })
  return JSON.parse(stdout) as RunResult[]
}

/** Set, runs are stopped at many steps, each going on in a process of its own; otherwise at the end of an epoch, and within one. */
const isThorough = process.env.WGRAD_THOROUGH === '1'
const kinds: readonly RunKind[] = ['adamw', 'sgd']
const stopsOf: Readonly<Record<RunKind, readonly number[]>> = isThorough
  ? { adamw: [1, 2, 7, 37, 56, 99], sgd: [1, 2, 7, 37, 56, 99] }
  : { adamw: [56], sgd: [37] }

test(
  'a run that stops and goes on in a new process has the bits of one that does not',
  async () => {
    const whole = [await run('adamw', { store: memoryStore() }), await run('sgd', { store: memoryStore() })]
    const before = await inNewProcess({ folder, runs: kinds.map(untilLastStop) })
    const runs = kinds.flatMap((kind) => stopsOf[kind].map((at) => ({ kind, from: `${kind}-${at}`, at })))
    const resumed: RunResult[] = []
    for (const group of isThorough ? runs.map((each) => [each]) : [runs])
      resumed.push(...(await inNewProcess({ folder, runs: group })))
    kinds.forEach((kind, k) => {
      expect(Object.keys(whole[k]?.losses ?? {})).toHaveLength(wholeRun)
      // Saving while training goes on changes no bit either.
      expect(before[k]?.losses).toEqual(steps(whole[k], 1, Math.max(...stopsOf[kind])))
    })
    runs.forEach(({ kind, from, at }, i) => {
      const expected = whole[kinds.indexOf(kind)]
      expect({ from, losses: resumed[i]?.losses }).toEqual({ from, losses: steps(expected, at + 1, wholeRun) })
      expect({ from, end: resumed[i]?.end }).toEqual({ from, end: expected?.end })
    })
    // Two processes start and trace a dozen plans each.
  },
  isThorough ? 1_800_000 : 240_000,
)

function untilLastStop(kind: RunKind): ChildTask['runs'][number] {
  return { kind, until: Math.max(...stopsOf[kind]), saveAt: stopsOf[kind] }
}

/** The losses of steps `first` to `last`. */
function steps(result: RunResult | undefined, first: number, last: number): RunResult['losses'] {
  const entries = Object.entries(result?.losses ?? {})
  return Object.fromEntries(entries.filter(([step]) => Number(step) >= first && Number(step) <= last))
}
