/** Times `runs` runs of a kernel in a row, in milliseconds. */
export type TimeRuns = (name: string, runs: number) => Promise<number>

/** How a race is run. */
export interface RaceOptions {
  /** Least time of one measurement in milliseconds, so that the clock's steps and the cost of a submit do not count. */
  readonly batchMs: number
  /** True when no more time is to be spent. */
  readonly expired: () => boolean
}

/** A kernel slower than the best by this factor after so many rounds is out. */
const limits = [3, 2, 1.5, 1.25, 1.1, 1.1] as const

/** A kernel so near to the best is measured until the best two times of the best kernel are near each other, or so often. */
const near = 1.25
const mostRounds = 16

/** The share of the wanted time that a measurement must take. */
const least = 0.75

const mostRuns = 4096

/** Rounds in which the default meets the best once more before it is given up. */
const lastRounds = 4

/** Times within this of each other are taken as equal. */
const margin = 1.03

interface Runner {
  readonly name: string
  runs: number
  readonly times: number[]
}

/** The shortest time: all that can happen to a measurement makes it longer. */
function shortest({ times }: Runner): number {
  return times[0] as number
}

function bestOf(runners: readonly Runner[]): Runner {
  return runners.reduce((a, b) => (shortest(b) < shortest(a) ? b : a))
}

/** True where the best time has not been seen again: the machine does other things, too. */
function isNoisy({ times }: Runner): boolean {
  return (times[1] ?? Number.POSITIVE_INFINITY) > margin * (times[0] as number)
}

/**
 * Measures kernels against each other: all of them once, then those that may still win in turns, so that what slows the
 * machine for a while slows all of them. Answers with the times of a run in milliseconds by kernel, the
 * shortest first, or null where the time ran out.
 */
export async function race(
  names: readonly string[],
  time: TimeRuns,
  { batchMs, expired }: RaceOptions,
): Promise<Map<string, readonly number[]> | null> {
  const runners: Runner[] = []
  // The first one also wakes the machine.
  if (names[0] !== undefined) await settle(names[0], time, batchMs)
  for (const name of names) {
    if (expired()) return null
    const { runs, each } = await settle(name, time, batchMs)
    runners.push({ name, runs, times: [each] })
  }
  for (let round = 0; runners.length > 1 && round < mostRounds; round++) {
    const limit = limits[round]
    const best = bestOf(runners)
    if (limit === undefined && !isNoisy(best)) break
    const left = runners.filter((r) => shortest(r) <= (limit ?? near) * shortest(best))
    if (left.length < 2) break
    for (const r of left) {
      if (expired()) return null
      await measure(r, time)
    }
  }
  // The default may have gone out while the machine was busy with something else.
  const [usual] = runners
  for (let round = 0; usual && round < lastRounds; round++) {
    const best = bestOf(runners)
    if (usual === best || shortest(usual) > limits[0] * shortest(best)) break
    for (const r of [usual, best]) {
      if (expired()) return null
      await measure(r, time)
    }
  }
  return new Map(runners.map((r) => [r.name, r.times]))
}

async function measure(runner: Runner, time: TimeRuns): Promise<void> {
  const { name, runs, times } = runner
  times.push((await time(name, runs)) / runs)
  times.sort((a, b) => a - b)
}

/** How many runs take long enough to measure, and the time of one of them. */
async function settle(name: string, time: TimeRuns, batchMs: number): Promise<{ runs: number; each: number }> {
  let runs = 1
  for (;;) {
    let took = await time(name, runs)
    // Measured again, as a machine that is busy with something else makes few runs look like many.
    if (took >= least * batchMs) took = Math.min(took, await time(name, runs))
    if (took >= least * batchMs || runs === mostRuns) return { runs, each: took / runs }
    // A single run tells little of what many cost, so the number grows in steps.
    const wanted = Math.ceil((runs * batchMs) / Math.max(took, 1e-3))
    runs = Math.min(mostRuns, 32 * runs, Math.max(runs + 1, wanted))
  }
}

/**
 * The winner of a race: `first`, the default, unless the best is better by more than a little, and not by one lucky time alone.
 */
export function winnerOf(times: ReadonlyMap<string, readonly number[]>, first: string): string {
  const runners = [...times].map(([name, each]): Runner => ({ name, runs: 0, times: [...each] }))
  const best = bestOf(runners)
  const usual = runners.find(({ name }) => name === first)
  if (!usual) return best.name
  const sure = Math.max(margin * shortest(best), Math.min(best.times[1] ?? 0, near * shortest(best)))
  return shortest(usual) <= sure ? first : best.name
}
