import type { Counts, Encoding } from './counters.ts'
import type { Host } from './hosts.ts'
import { type Bytes, type Opened, type WorkloadName, workloads } from './suites/steady.ts'

/** How long to run. */
export interface SteadyOptions {
  /** Steps that are counted and timed. */
  readonly steps: number
  /** Steps before the memory is first looked at. */
  readonly warmup: number
  /** The step at which the memory is last looked at. */
  readonly memorySteps: number
  /** The longest that steps are run for the memory alone, in seconds. */
  readonly memorySeconds: number
}

/** Of all steps, in microseconds. */
export interface Timing {
  readonly median: number
  readonly mean: number
}

/** What one workload gave. */
export interface SteadyResult {
  readonly title: string
  readonly opened: Opened
  readonly steps: number
  readonly perStep: Counts
  /** JavaScript for one dispatch in the encode loop. */
  readonly loop: Timing
  /** JavaScript for encoder, finish and submit of one step. */
  readonly around: Timing
  /** The same for an empty pass. */
  readonly empty: Timing
  readonly stepsPerSecond: number
  /** GPU memory between the steps `from` and `to`, and how much more the JavaScript heap holds. */
  readonly memory: Bytes & { readonly from: number; readonly to: number; readonly heapGrowth: number }
}

/** Runs one workload from its first step to the end of the memory measurement, of which the counted steps are a part. */
export async function runSteady(host: Host, name: WorkloadName, options: SteadyOptions): Promise<SteadyResult> {
  const { steps, warmup, memorySteps, memorySeconds } = options
  const session = await host.open(name)
  try {
    // The first step was the one that `open` ran.
    await session.run(warmup - 1, Number.MAX_VALUE)
    await session.markBytes()
    const heap = await session.heapBytes()
    const { counts, encodings, empty, seconds } = await session.count(steps)
    const rest = await session.run(Math.max(0, memorySteps - warmup - steps), memorySeconds)
    const heapGrowth = (await session.heapBytes()) - heap
    const times = stepTimes(encodings, counts.dispatches / steps)
    return {
      title: workloads[name].title,
      opened: session.opened,
      steps,
      perStep: Object.fromEntries(Object.entries(counts).map(([what, n]) => [what, n / steps])) as unknown as Counts,
      loop: timing(times.map((t) => t.loop / t.dispatches)),
      around: timing(times.map((t) => t.around)),
      empty: timing(empty),
      stepsPerSecond: steps / seconds,
      memory: { ...(await session.bytes()), from: warmup, to: warmup + steps + rest, heapGrowth },
    }
  } finally {
    await session.close()
  }
}

/** Sums the submits of each step. */
function stepTimes(encodings: readonly Encoding[], dispatches: number): Encoding[] {
  const steps: Encoding[] = []
  let sum = { dispatches: 0, loop: 0, around: 0 }
  for (const e of encodings) {
    sum = { dispatches: sum.dispatches + e.dispatches, loop: sum.loop + e.loop, around: sum.around + e.around }
    if (sum.dispatches < dispatches) continue
    steps.push(sum)
    sum = { dispatches: 0, loop: 0, around: 0 }
  }
  return steps
}

function timing(milliseconds: readonly number[]): Timing {
  const sorted = milliseconds.toSorted((a, b) => a - b)
  const mean = sorted.reduce((sum, t) => sum + t, 0) / sorted.length
  return { median: inMicroseconds(sorted[sorted.length >> 1] ?? Number.NaN), mean: inMicroseconds(mean) }
}

/** In whole nanoseconds: clocks tick in microseconds, and sums of their readings carry rounding errors. */
function inMicroseconds(milliseconds: number): number {
  return Math.round(1e6 * milliseconds) / 1000
}
