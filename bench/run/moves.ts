import type { Kernel, Report, Row } from './results.ts'
import { type Estimate, median, quantile } from './statistics.ts'

/** A time that moved between two runs by more than it spreads. */
export interface Move {
  readonly workload: string
  readonly contestant: string
  /** Medians in milliseconds. */
  readonly before: number
  readonly after: number
  /** New over old, without what the machine's own change of speed explains, with a 95 % interval: above 1 is slower. */
  readonly ratio: Estimate
  /** How much it would have to move, as a share. */
  readonly margin: number
}

/** A time that both runs have. */
interface Pair extends Omit<Move, 'margin' | 'ratio'> {
  /** Logarithm of the ratio. */
  readonly change: number
  /** Its standard error. */
  readonly error: number
}

/** Logarithms of samples, and of the milliseconds at the roof around each. */
interface Series {
  readonly times: readonly number[]
  readonly roofs: readonly number[]
}

/** Below this share nothing is reported. */
const leastMargin = 0.05

/** A false report in so many comparisons of runs that do not differ, however many times they have. */
const falseReports = 0.02

/**
 * How much the logarithm of a time differs between two runs beyond what is seen within them: processes place their memory
 * and threads anew. Taken where there are too few times to see it, and at most, so that what moved in half of all rows does
 * not hide itself; where runs themselves are known badly, at most so many times that.
 */
const usualScatter = 0.03
const mostScatter = 0.1
const mostScatterOfErrors = 1.5
const leastForScatter = 6

/** The quantile of its samples that stands for a run: what disturbs work makes it slower, and the upper half shows that. */
const undisturbed = 0.25
/** The standard error of that quantile over that of a mean, of normally distributed samples. */
const quantileOverMean = 1.363

/** The part of a run's own spread that is one accident of all its samples, which more of them do not average away. */
const sharedSpread = 0.2

/** How alike neighbouring samples of a run are at least taken to be, and at most, as their correlation: few show it badly. */
const leastAlike = 0.3
const mostAlike = 0.8

/** How far a time follows the roof before anything is seen, 0 not and 1 wholly, and the standard error of that. */
const usualSlope = 0.75
const slopeError = 0.35

/** Standard deviation of the logarithm of a glance at a roof that stays: what is no more than this shows nothing. */
const glanceError = 0.02

/**
 * What moved from `before` to `after`. What follows from a change of the machine's own speed is taken off: by the roof around
 * the samples, as far as times within the runs follow it (analysis of covariance). The rest must be more than a margin: so
 * many standard errors that of all times together one exceeds it by chance in 2 % of comparisons. Neighbouring samples count
 * as fewer, as far as they are alike, and a part of their spread as an accident of the whole run; the scatter between runs
 * shows in how much all times differ.
 */
export function movesBetween(before: Report, after: Report): Move[] {
  const [rows, kernels] = pairsOf(before, after)
  return [...outside(kernels), ...outside(rows)]
}

function outside(pairs: readonly Pair[]): Move[] {
  const scatter = scatterOf(pairs)
  const errors = normalQuantile(1 - falseReports / 2 / Math.max(1, pairs.length))
  return pairs.flatMap(({ change, error, ...pair }) => {
    const whole = Math.hypot(error, scatter)
    const margin = Math.max(leastMargin, Math.exp(errors * whole) - 1)
    const ratio = {
      value: Math.exp(change),
      low: Math.exp(change - 1.96 * whole),
      high: Math.exp(change + 1.96 * whole),
    }
    return Math.abs(change) > Math.log(1 + margin) ? [{ ...pair, ratio, margin }] : []
  })
}

/** The scatter between two runs, from the middle half of all times: those that truly moved lie outside it. */
function scatterOf(pairs: readonly Pair[]): number {
  if (pairs.length < leastForScatter) return usualScatter
  const changes = pairs.map(({ change }) => change)
  const middle = median(changes)
  // Few times show it badly, and may show too little of it.
  const all = (1 + 5 / pairs.length) * 1.4826 * median(changes.map((change) => Math.abs(change - middle)))
  const within = median(pairs.map(({ error }) => error))
  const most = Math.max(mostScatter, mostScatterOfErrors * within)
  return Math.min(most, Math.max(usualScatter, Math.sqrt(Math.max(0, all ** 2 - within ** 2))))
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
        seriesOfRow,
      )
      if (pair) rows.push({ ...pair, workload: now.name, contestant: row.contestant })
    }
    for (const kernel of now.kernels) {
      const { contestant, name } = kernel
      const twin = old?.kernels.find((k) => k.contestant === contestant && k.name === name)
      const pair = pairOf(twin, kernel, seriesOfKernel)
      if (pair) kernels.push({ ...pair, workload: `${now.name}: ${name}`, contestant })
    }
  }
  return [rows, kernels]
}

function seriesOfRow({ samples, roofs }: Row): Series {
  return seriesOf(samples, roofs.length === samples.length ? roofs : samples.map(() => 1))
}

function seriesOfKernel({ samples, ideal }: Kernel): Series {
  return seriesOf(
    samples,
    samples.map(() => ideal ?? 1),
  )
}

function seriesOf(samples: readonly number[], roofs: readonly number[]): Series {
  return { times: samples.map(Math.log), roofs: roofs.map(Math.log) }
}

/** Too few samples, or clocks with ticks as long as what they time, give no ratio. */
function pairOf<T extends { readonly samples: readonly number[] }>(
  old: T | undefined,
  now: T,
  of: (each: T) => Series,
): Omit<Pair, 'workload' | 'contestant'> | null {
  if (!old || Math.min(old.samples.length, now.samples.length) < 3) return null
  if (Math.min(...old.samples, ...now.samples) <= 0) return null
  const [a, b] = [of(old), of(now)]
  const slope = slopeOf([a, b])
  const machine = median(b.roofs) - median(a.roofs)
  const [was, is] = [timeOf(a, slope.value), timeOf(b, slope.value)]
  const error = Math.hypot(was.error, is.error, slope.error * machine)
  return { before: median(old.samples), after: median(now.samples), change: is.value - was.value, error }
}

/** How far times follow the roof within the runs, with what is usual where they show little. */
function slopeOf(runs: readonly Series[]): { readonly value: number; readonly error: number } {
  const centred = runs.flatMap(({ times, roofs }) => {
    const [t, r] = [mean(times), mean(roofs)]
    return times.map((time, i) => [time - t, (roofs[i] as number) - r] as const)
  })
  const products = centred.reduce((sum, [t, r]) => sum + t * r, 0)
  const squares = centred.reduce((sum, [, r]) => sum + r * r, 0)
  const seen = squares > 0 ? products / squares : 0
  const rest = centred.reduce((sum, [t, r]) => sum + (t - seen * r) ** 2, 0) / (centred.length - runs.length - 1)
  const told = Math.max(0, squares - centred.length * glanceError ** 2)
  const [trust, usual] = [rest > 0 ? told / rest : 0, slopeError ** -2]
  return { value: (trust * seen + usual * usualSlope) / (trust + usual), error: (trust + usual) ** -0.5 }
}

/** A run's time with its standard error, from what the roof does not explain. */
function timeOf({ times, roofs }: Series, slope: number): { readonly value: number; readonly error: number } {
  const rest = times.map((time, i) => time - slope * (roofs[i] as number))
  const [low, value, middle] = [quantile(rest, 0.1), quantile(rest, undisturbed), median(rest)]
  // Without the lowest tenth, which few samples hardly have, and what mirrors it above.
  const deviation = ((1 + 2.5 / rest.length) * (middle - low)) / 1.2816
  const usual = rest.map((each) => Math.min(2 * middle - low, Math.max(low, each)))
  const alike = Math.min(mostAlike, Math.max(leastAlike, correlation(usual)))
  const independent = (rest.length * (1 - alike)) / (1 + alike)
  return { value, error: deviation * Math.min(1, Math.hypot(quantileOverMean / Math.sqrt(independent), sharedSpread)) }
}

/** Of neighbours in a row of numbers, between -1 and 1. */
function correlation(values: readonly number[]): number {
  const middle = mean(values)
  const squares = values.reduce((sum, v) => sum + (v - middle) ** 2, 0)
  const products = values.slice(1).reduce((sum, v, i) => sum + (v - middle) * ((values[i] as number) - middle), 0)
  return squares > 0 ? products / squares : 0
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length
}

/**
 * The value below which a share of a standard normal distribution lies (Abramowitz & Stegun 26.2.23, within 4.5e-4);
 * for shares above a half.
 */
function normalQuantile(share: number): number {
  const t = Math.sqrt(-2 * Math.log(1 - share))
  return t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
}
