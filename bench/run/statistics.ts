/** An interval with its middle. */
export interface Estimate {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** The value below which a share `q` of the sorted values lies, between neighbours linearly. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const below = Math.floor(at)
  const [a, b] = [sorted[below], sorted[Math.min(below + 1, sorted.length - 1)]]
  return a === undefined || b === undefined ? Number.NaN : a + (b - a) * (at - below)
}

/** The middle value. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Half the distance between the 10 % and the 90 % quantile, as a share of the median. */
export function spread(values: readonly number[]): number {
  return values.length < 2 ? Number.NaN : (quantile(values, 0.9) - quantile(values, 0.1)) / 2 / median(values)
}

const resamples = 2000

/**
 * The ratio of the medians of `a` and `b` with a bootstrap 95 % interval (percentile method; Efron 1979). Paired
 * samples, of one length, are drawn by round, so that what disturbs a whole round falls out.
 */
export function medianRatio(a: readonly number[], b: readonly number[], options: { paired: boolean }): Estimate {
  const random = generator()
  const draw = (length: number): number[] => Array.from({ length }, () => Math.floor(random() * length))
  const [medianOfA, medianOfB] = [medianOfDrawn(a), medianOfDrawn(b)]
  const ratios = Array.from({ length: resamples }, () => {
    const first = draw(a.length)
    return medianOfA(first) / medianOfB(options.paired ? first : draw(b.length))
  })
  return { value: median(a) / median(b), low: quantile(ratios, 0.025), high: quantile(ratios, 0.975) }
}

/** Answers the median of the values at drawn positions; sorts them once, and then counts. */
function medianOfDrawn(values: readonly number[]): (drawn: readonly number[]) => number {
  const order = values.map((_, i) => i).sort((i, j) => (values[i] as number) - (values[j] as number))
  const rank = new Uint32Array(values.length)
  order.forEach((i, r) => {
    rank[i] = r
  })
  const counts = new Uint32Array(values.length)
  const [low, high] = [Math.floor((values.length - 1) / 2), Math.ceil((values.length - 1) / 2)]
  return (drawn) => {
    counts.fill(0)
    for (const i of drawn) counts[rank[i] as number] = (counts[rank[i] as number] as number) + 1
    let r = 0
    let seen = counts[0] as number
    while (seen <= low) seen += counts[++r] as number
    const below = values[order[r] as number] as number
    while (seen <= high) seen += counts[++r] as number
    return (below + (values[order[r] as number] as number)) / 2
  }
}

/** The median with a bootstrap 95 % interval. */
export function medianOf(values: readonly number[]): Estimate {
  return medianRatio(values, [1], { paired: false })
}

/** Uniform in [0, 1), the same sequence each time. */
function generator(): () => number {
  let state = 20211
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
