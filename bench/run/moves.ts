import type { Kernel, Report, Row } from './results.ts'
import { type Estimate, medianRatio, quantile, serialCorrelation } from './statistics.ts'

/** A time that moved between two runs by more than it spreads. */
export interface Move {
  readonly workload: string
  readonly contestant: string
  /** Medians in milliseconds. */
  readonly before: number
  readonly after: number
  /** New over old with a bootstrap 95 % interval, each held against the roof around it: above 1 is slower. */
  readonly ratio: Estimate
  /** How much it would have to move, as a share. */
  readonly margin: number
}

/** A time that both runs have. */
interface Pair extends Omit<Move, 'margin'> {
  /** Standard error of the logarithm of the ratio, from what is seen within the runs. */
  readonly error: number
}

/** Below this share nothing is reported. */
const leastMargin = 0.05

/** A false report in so many comparisons of runs that do not differ, however many times they have. */
const falseReports = 0.02

/**
 * How much the logarithm of a time differs between two runs beyond what is seen within them: processes place their memory
 * and threads anew. Taken where there are too few times to see it, and at most, so that what moved in half of all rows does
 * not hide itself.
 */
const usualScatter = 0.03
const mostScatter = 0.1
const leastForScatter = 6

/**
 * What moved from `before` to `after`. Times are held against the roof around them, so that a machine which runs slower
 * now does not count, and must move by more than a margin: that many standard errors that of all times together one
 * exceeds it by chance in 2 % of comparisons, with the scatter between runs in it, which shows in how much all times differ.
 *
 * Not all work follows the roof where the machine changes its speed: the times themselves must have moved the same way.
 */
export function movesBetween(before: Report, after: Report): Move[] {
  const [rows, kernels] = pairsOf(before, after)
  return [...outside(kernels), ...outside(rows)]
}

function outside(pairs: readonly Pair[]): Move[] {
  const scatter = scatterOf(pairs)
  const errors = normalQuantile(1 - falseReports / 2 / Math.max(1, pairs.length))
  return pairs.flatMap(({ error, ...pair }) => {
    const margin = Math.max(leastMargin, Math.exp(errors * Math.hypot(error, scatter)) - 1)
    const { before, after, ratio } = pair
    const isFar = Math.abs(Math.log(ratio.value)) > Math.log(1 + margin)
    const itself = after / before
    const isSameWay = ratio.value > 1 ? itself > 1 + leastMargin : itself < 1 / (1 + leastMargin)
    return isFar && isSameWay ? [{ ...pair, margin }] : []
  })
}

/** The scatter between two runs, from the middle half of all times: those that truly moved lie outside it. */
function scatterOf(pairs: readonly Pair[]): number {
  if (pairs.length < leastForScatter) return usualScatter
  const logs = pairs.map(({ ratio }) => Math.log(ratio.value))
  const middle = quantile(logs, 0.5)
  const all =
    1.4826 *
    quantile(
      logs.map((v) => Math.abs(v - middle)),
      0.5,
    )
  const within = quantile(
    pairs.map(({ error }) => error),
    0.5,
  )
  return Math.min(mostScatter, Math.max(usualScatter, Math.sqrt(Math.max(0, all ** 2 - within ** 2))))
}

/** Times of whole workloads, and of kernels within them. */
function pairsOf(before: Report, after: Report): readonly [rows: Pair[], kernels: Pair[]] {
  const rows: Pair[] = []
  const kernels: Pair[] = []
  for (const now of after.workloads) {
    const old = before.workloads.find(({ suite, name }) => suite === now.suite && name === now.name)
    for (const row of now.rows) {
      const pair = pairOf(
        old?.rows.find(({ contestant }) => contestant === row.contestant),
        row,
        rowAtRoof,
      )
      if (pair) rows.push({ ...pair, workload: now.name, contestant: row.contestant })
    }
    for (const kernel of now.kernels) {
      const { contestant, name } = kernel
      const twin = old?.kernels.find((k) => k.contestant === contestant && k.name === name)
      const pair = pairOf(twin, kernel, kernelAtRoof)
      if (pair) kernels.push({ ...pair, workload: `${now.name}: ${name}`, contestant })
    }
  }
  return [rows, kernels]
}

function rowAtRoof({ samples, roofs }: Row): readonly number[] | null {
  return roofs.length === samples.length ? samples.map((ms, i) => ms / (roofs[i] as number)) : null
}

function kernelAtRoof({ samples, ideal }: Kernel): readonly number[] | null {
  return ideal === null ? null : samples.map((ms) => ms / ideal)
}

/** Too few samples, or clocks with ticks as long as what they time, give no ratio. */
function pairOf<T extends { readonly samples: readonly number[] }>(
  old: T | undefined,
  now: T,
  atRoof: (of: T) => readonly number[] | null,
): Omit<Pair, 'workload' | 'contestant'> | null {
  if (!old || Math.min(old.samples.length, now.samples.length) < 3) return null
  const [a, b] = [atRoof(now), atRoof(old)]
  const [news, olds] = a && b ? [a, b] : [now.samples, old.samples]
  const ratio = medianRatio(news, olds, { paired: false })
  if (!(ratio.value > 0 && ratio.low > 0 && Number.isFinite(ratio.high))) return null
  const correlation = Math.max(serialCorrelation(news), serialCorrelation(olds))
  // What disturbs several samples in a row is one disturbance.
  const error = (Math.log(ratio.high / ratio.low) / 2 / 1.96) * Math.sqrt((1 + correlation) / (1 - correlation))
  return { before: quantile(old.samples, 0.5), after: quantile(now.samples, 0.5), ratio, error }
}

/** The value below which a share of a standard normal distribution lies (Abramowitz & Stegun 26.2.23, within 4.5e-4); for shares above a half. */
function normalQuantile(share: number): number {
  const t = Math.sqrt(-2 * Math.log(1 - share))
  return t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
}
