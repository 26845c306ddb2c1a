import { type TimedSuite, timedSuites, workloadsOf } from '../catalogue.ts'
import { versions } from '../versions.ts'
import type { Workload } from '../workload.ts'
import type { Host } from './host.ts'
import { Player } from './player.ts'
import type { Report, Row, StartupRow, SteadyRow, WorkloadResult } from './results.ts'
import { Roofline } from './roofline.ts'
import { type Pace, runWorkload, type Tell } from './schedule.ts'
import { runStartup, startupTasks } from './startup.ts'
import { runSteady, steadyTasks } from './steady.ts'

/** All suites. */
export type Suite = TimedSuite | 'startup' | 'steady'
export const suiteNames: readonly Suite[] = [...timedSuites, 'startup', 'steady']

/** What to measure, and how long. */
export interface BenchPlan {
  readonly suites: readonly Suite[]
  readonly contestants: readonly string[]
  /** Only workloads whose name has this in it. */
  readonly only?: string
  readonly quick: boolean
  /** Rounds; at least 15 give an interval of use. */
  readonly rounds: number
  /** Who stands in for wgrad under its name: wgrad with a fault, to see that a comparison shows it. */
  readonly standIn?: string
  /** Workloads in place of a suite's own, for tests. */
  readonly workloads?: readonly Workload[]
}

/** What is told while it runs, and who may end it. */
export interface BenchEvents {
  /** `done` of `total` parts are behind; `what` is at hand. */
  onProgress(done: number, total: number, what: string): void
  /** A workload is finished; the report is of all so far. */
  onResult?(result: WorkloadResult, report: Report): void
  stopped(): boolean
}

/** How long a contestant may take for a workload. */
function paceOf({ quick, rounds }: BenchPlan): Pace {
  return quick
    ? { rounds: Math.min(rounds, 5), sampleMs: 50, capMs: 20_000, roundsMs: 12_000 }
    : { rounds, sampleMs: 100, capMs: 240_000, roundsMs: 240_000 }
}

/** Runs suites. What was measured is answered also where it was stopped or a contestant broke. */
export async function runBench(host: Host, plan: BenchPlan, events: BenchEvents): Promise<Report> {
  const date = new Date().toISOString()
  const pace = paceOf(plan)
  const { stopped } = events
  const taken = plan.contestants.filter((name) => host.lacks(name) === null)
  const absent = plan.contestants.filter((name) => host.lacks(name) !== null)
  const matches = (name: string): boolean => name.toLowerCase().includes((plan.only ?? '').toLowerCase())
  const timed = (
    plan.workloads ?? plan.suites.filter((s) => s !== 'startup' && s !== 'steady').flatMap(workloadsOf)
  ).filter(({ name }) => matches(name))
  const has = (suite: Suite): boolean => plan.suites.includes(suite)
  const starts = has('startup') ? startupTasks.filter(({ name }) => matches(name)) : []
  const steps = has('steady') ? steadyTasks.filter(({ model }) => matches(model)) : []
  const total = (timed.length > 0 ? 2 : 0) + timed.length + taken.length * (starts.length + steps.length)
  let done = 0
  const tell =
    (part: string): Tell =>
    (what) =>
      events.onProgress(done, total, `${part}, ${what}`)

  const roofline = new Roofline(host)
  const measureRoof = async (): Promise<void> => {
    if (timed.length === 0 || stopped()) return
    events.onProgress(done, total, 'the roof')
    await roofline.measure()
    done++
  }
  await measureRoof()
  const opens = (name: string): string => (name === 'wgrad' ? (plan.standIn ?? name) : name)
  const players = taken.map((name) => new Player(name, host, { opens: opens(name) }))
  const watched = taken.map((name) => new Player(name, host, { count: true, opens: opens(name) }))
  const workloads: WorkloadResult[] = []
  const startup: StartupRow[] = []
  const steady: SteadyRow[] = []
  const reportNow = (): Report => {
    const opened = [...players, ...watched].find((player) => player.opened !== null)?.opened
    return {
      schema: 'wgrad-bench/2',
      date,
      host: host.name,
      adapter: opened?.adapter ?? 'unknown',
      software: opened?.software ?? false,
      versions: Object.fromEntries(
        plan.contestants.map((name) => [name, versions[name] ?? (versions.wgrad as string)]),
      ),
      quick: plan.quick,
      interrupted: stopped(),
      roof: roofline.best,
      workloads: [...workloads],
      steady,
      startup,
    }
  }
  for (const workload of timed) {
    if (stopped()) break
    const result = await runWorkload(workload, players, pace, { tell: tell(workload.name), stopped, roofline })
    const all = { ...result, rows: [...result.rows, ...absent.map((name) => absentRow(name, host))] }
    workloads.push(all)
    events.onResult?.(all, reportNow())
    done++
  }
  await measureRoof()
  for (const player of [...players, roofline]) await player.leave()

  for (const start of starts)
    for (const name of taken) {
      if (stopped()) break
      const options = { times: plan.quick ? 2 : 5, capMs: pace.capMs, tell: tell(start.name), stopped }
      startup.push(await runStartup(start, name, host, options))
      done++
    }

  const steadyPace = { warmup: plan.quick ? 5 : 100, steps: plan.quick ? 10 : 300, capMs: 2 * pace.capMs }
  for (const task of steps)
    for (const player of watched) {
      if (stopped()) break
      steady.push(await runSteady(task, player, steadyPace, tell(task.model)))
      done++
    }
  for (const player of watched) await player.leave()

  return reportNow()
}

function absentRow(contestant: string, host: Host): Row {
  return {
    contestant,
    outcome: 'lacks',
    message: host.lacks(contestant) ?? '',
    samples: [],
    roofs: [],
    ms: null,
    spread: null,
    runs: 0,
    firstMs: null,
    error: null,
    ratio: null,
    gflops: null,
    gbps: null,
    roof: null,
  }
}
