import type { Expected } from '../reference/index.ts'
import { positionsOf, type Sampled } from '../sample.ts'

/** What came of comparing a contestant's results with the reference. */
export interface Verdict {
  readonly right: boolean
  /** The largest relative error of a result, by norm. */
  readonly error: number
  /** Which result it was, or what is wrong with it. */
  readonly where: string
}

/** Largest relative errors, by norm. Results are sums of thousands of f32 products; faults seen in engines were above 1e-2. */
export const tolerance = 1e-3

/**
 * Largest relative error of the change that the steps made to all parameters. Adam divides small gradients by their own
 * size, so that rounding decides the update of parameters whose gradient is all but zero.
 */
export const updateTolerance = 0.05

/** Compares results with what they must be. Never throws. */
export function check(
  results: Readonly<Record<string, Sampled>>,
  expected: Readonly<Record<string, Expected>>,
): Verdict {
  let worst: Verdict = { right: true, error: 0, where: '' }
  const update = { wrong: 0, all: 0 }
  for (const [name, must] of Object.entries(expected)) {
    const result = results[name]
    if (!result) return { right: false, error: Number.POSITIVE_INFINITY, where: `${name} is missing` }
    if (result.length !== must.length) return fault(`${name} has ${result.length} elements instead of ${must.length}`)
    if (result.notFinite > 0) return fault(`${name} has ${result.notFinite} elements that are no finite numbers`)
    const { wrong, all } = distances(result, must)
    if (must.start) {
      update.wrong += wrong
      update.all += all
      continue
    }
    const error = all === 0 ? Math.sqrt(wrong) : Math.sqrt(wrong / all)
    if (error > worst.error) worst = { right: error <= tolerance, error, where: name }
  }
  const error = update.all === 0 ? 0 : Math.sqrt(update.wrong / update.all)
  if (error > updateTolerance) return { right: false, error, where: 'the update of the parameters' }
  return worst
}

function fault(where: string): Verdict {
  return { right: false, error: Number.POSITIVE_INFINITY, where }
}

/** Sums of squares: of the differences, and of what is expected or of its change. */
function distances(result: Sampled, must: Expected): { wrong: number; all: number } {
  let wrong = 0
  let all = 0
  positionsOf(must.length).forEach((position, i) => {
    const value = must.at(position)
    wrong += ((result.values[i] as number) - value) ** 2
    all += (value - (must.start?.(position) ?? 0)) ** 2
  })
  return { wrong, all }
}
