import { costOf } from '../catalogue.ts'
import type { Expected } from '../reference/index.ts'
import { expectedOf } from '../reference/index.ts'
import { between, timeAtRoof } from '../roof/share.ts'
import type { Workload } from '../workload.ts'
import { check } from './check.ts'
import { kernelRows } from './kernels.ts'
import { type Player, TooLong } from './player.ts'
import type { Kernel, Outcome, Roof, Row, WorkloadResult } from './results.ts'
import type { Roofline } from './roofline.ts'
import { median, medianOf, medianRatio, spread } from './statistics.ts'

/** How long to measure. */
export interface Pace {
  /** Rounds in which each contestant gives one sample. */
  readonly rounds: number
  /** Shortest duration of a sample, in milliseconds. */
  readonly sampleMs: number
  /** Longest that a contestant may take for a workload, in milliseconds. */
  readonly capMs: number
  /** After this time, in milliseconds, no further round begins. */
  readonly roundsMs: number
}

/** What is told while it runs. */
export type Tell = (what: string) => void

/** Most runs in a sample: an engine that runs ahead must not fill the memory with work. */
const mostRuns = 1000

/** Steps whose dispatches are timed one by one, and after how many milliseconds no further one begins. */
const kernelRuns = 30
const kernelMs = 8000

interface Entry {
  readonly player: Player
  outcome: Outcome
  message: string
  samples: number[]
  /** Milliseconds at the roof around each sample. */
  roofs: number[]
  runs: number
  firstMs: number | null
  error: number | null
  /** Time that it took so far, in milliseconds. */
  spent: number
}

/**
 * Sets a workload up with every contestant, checks their results, and times those that are right in turns: A B, B A, …,
 * with a glance at the roof between every two of them.
 */
export async function runWorkload(
  workload: Workload,
  players: readonly Player[],
  pace: Pace,
  { tell, stopped, roofline }: { tell: Tell; stopped: () => boolean; roofline: Roofline | null },
): Promise<WorkloadResult> {
  const cost = costOf(workload.task)
  const expected = expectedOf(workload.task)
  const entries: Entry[] = []
  for (const player of players) {
    if (stopped()) break
    tell(`${player.name}: set up and check`)
    const entry = await setUp(workload, player, pace, expected)
    entries.push(entry)
  }
  const glance = async (): Promise<Roof | null> => (await roofline?.now(pace.sampleMs, cost)) ?? null
  let before = await glance()
  const started = performance.now()
  for (let round = 0; round < pace.rounds && !stopped(); round++) {
    if (round > 0 && performance.now() - started > pace.roundsMs) break
    const order = round % 2 === 0 ? entries : entries.toReversed()
    for (const entry of order) {
      if (entry.outcome !== 'timed' || stopped()) continue
      tell(`${entry.player.name}: round ${round + 1} of ${pace.rounds}`)
      const hasSample = await sampleOnce(entry, pace)
      const after = await glance()
      if (hasSample && before && after) entry.roofs.push(timeAtRoof(between(before, after), cost))
      before = after
    }
  }
  const kernels: Kernel[] = []
  for (const entry of entries)
    if (!stopped()) kernels.push(...(await kernelsOf(workload, entry, { pace, tell, roofline })))
  for (const { player, outcome } of entries)
    if (outcome === 'timed') await player.call(pace.capMs, (room) => room.release()).catch(() => undefined)
  // Who was at work when all was stopped did not fail.
  const kept = entries.filter((entry) => !(stopped() && entry.outcome !== 'wrong' && entry.samples.length === 0))
  for (const entry of kept) if (stopped() && entry.outcome === 'failed') entry.message = 'interrupted'
  return { ...summarize(workload, kept), kernels }
}

async function setUp(
  workload: Workload,
  player: Player,
  pace: Pace,
  expected: Readonly<Record<string, Expected>>,
): Promise<Entry> {
  const entry: Entry = {
    player,
    outcome: 'timed',
    message: '',
    samples: [],
    roofs: [],
    runs: 1,
    firstMs: null,
    error: null,
    spent: 0,
  }
  await guarded(entry, pace, async () => {
    // Opening a room is not part of the workload.
    await player.call(60_000 + pace.capMs, async () => undefined)
    const start = performance.now()
    const { lacks, results, firstMs } = await player.call(pace.capMs, (room) => room.prepare(workload.task))
    entry.spent += performance.now() - start
    if (lacks !== null) {
      entry.outcome = 'lacks'
      entry.message = lacks
      return
    }
    entry.firstMs = firstMs
    const { right, error, where } = check(results, expected)
    entry.error = Number.isFinite(error) ? error : null
    if (!right) {
      entry.outcome = 'wrong'
      entry.message = Number.isFinite(error) ? `${where} is off by ${error.toPrecision(2)}` : where
      return
    }
    await calibrate(entry, pace)
  })
  return entry
}

/** Finds how many runs make a sample long enough, doubling until it is. */
async function calibrate(entry: Entry, pace: Pace): Promise<void> {
  for (;;) {
    const { runs } = entry
    const ms = await within(entry, pace, runs)
    if (ms >= pace.sampleMs || runs >= mostRuns) return
    const wanted = Math.ceil((runs * pace.sampleMs * 1.2) / Math.max(ms, pace.sampleMs / 50))
    entry.runs = Math.min(mostRuns, Math.max(2 * runs, Math.min(wanted, 10 * runs)))
  }
}

/** Whether there is one more. */
async function sampleOnce(entry: Entry, pace: Pace): Promise<boolean> {
  const { length } = entry.samples
  await guarded(entry, pace, async () => {
    entry.samples.push((await within(entry, pace, entry.runs)) / entry.runs)
  })
  return entry.samples.length > length
}

/** Times runs within what is left of the contestant's time. */
async function within(entry: Entry, pace: Pace, runs: number): Promise<number> {
  const left = pace.capMs - entry.spent
  if (left <= 0) throw new TooLong(pace.capMs / 1000)
  const start = performance.now()
  const ms = await entry.player.call(left, (room) => room.time(runs))
  entry.spent += performance.now() - start
  return ms
}

/** Samples that were taken before the time was up are kept. */
async function guarded(entry: Entry, pace: Pace, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    entry.message = (error instanceof Error ? error.message : String(error)).split('\n', 1).join('').slice(0, 160)
    entry.outcome = error instanceof TooLong ? 'too long' : 'failed'
    if (error instanceof TooLong) entry.message = `> ${Number((pace.capMs / 1000).toFixed(1))} s`
  }
}

/** The kernels of a training step or a model; none where the engine cannot tell, or breaks when asked: its times are good all the same. */
async function kernelsOf(
  { task }: Workload,
  { player, outcome, samples }: Entry,
  { pace, tell, roofline }: { pace: Pace; tell: Tell; roofline: Roofline | null },
): Promise<Kernel[]> {
  if ((task.kind !== 'step' && task.kind !== 'infer') || outcome !== 'timed' || samples.length === 0) return []
  tell(`${player.name}: kernels`)
  const limits = { runs: kernelRuns, ms: Math.min(kernelMs, pace.capMs / 4) }
  const before = await roofline?.now(pace.sampleMs, null)
  const times = await player.call(pace.capMs, (room) => room.kernels(limits)).catch(() => null)
  const after = await roofline?.now(pace.sampleMs, null)
  return times ? kernelRows(player.name, times, before && after ? between(before, after) : null) : []
}

function summarize(workload: Workload, entries: readonly Entry[]): Omit<WorkloadResult, 'kernels'> {
  const { suite, name, task } = workload
  const { flops, bytes } = costOf(task)
  const base = entries.find(({ player, samples }) => player.name === 'wgrad' && samples.length > 0)
  const rows = entries.map(({ player, outcome, message, samples, roofs, runs, firstMs, error }): Row => {
    const timed = samples.length > 0
    const ms = timed ? median(samples) : null
    const gflops = ms === null ? null : flops / ms / 1e6
    // A step's bytes leave activations out, so they say nothing about bandwidth.
    const gbps = ms === null || task.kind === 'step' ? null : bytes / ms / 1e6
    // A gauge that broke on the way leaves samples without a roof.
    const isPaired = timed && roofs.length === samples.length
    const shared = Math.min(samples.length, base?.samples.length ?? 0)
    return {
      contestant: player.name,
      outcome: timed ? 'timed' : outcome,
      message,
      samples,
      ms,
      spread: samples.length > 1 ? spread(samples) : null,
      runs,
      firstMs,
      error,
      ratio:
        base && timed && base.player !== player
          ? medianRatio(samples.slice(0, shared), base.samples.slice(0, shared), { paired: true })
          : null,
      gflops,
      gbps,
      roofs: isPaired ? roofs : [],
      roof: isPaired && gbps !== null ? medianOf(roofs.map((ideal, i) => ideal / (samples[i] as number))) : null,
    }
  })
  return { suite, name, flops, bytes, rows }
}
