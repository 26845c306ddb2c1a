import { fail } from '../../errors.ts'
import { type Confusion, countDecisions } from './confusion.ts'
import type { DecisionOptions } from './decisions.ts'
import type { Metric } from './metric.ts'

/** Options of {@link precision}, {@link recall} and {@link f1}. */
export interface FScoreOptions extends DecisionOptions {
  /**
   * 'binary' for class 1 alone, 'macro' for the plain mean over the classes that occur among targets or predictions,
   * 'micro' for that of all decisions together. 'binary' unless given.
   */
  readonly average?: 'binary' | 'macro' | 'micro'
}

/** What a class came to: true positives, and how often it was predicted and how often it was there. */
interface Tally {
  readonly hits: number
  readonly predicted: number
  readonly present: number
}

/**
 * Share of right ones among what was predicted to be of a class, 0 to 1; 0 where nothing was.
 *
 * Shape: as {@link confusionMatrix}.
 */
export function precision(options: FScoreOptions = {}): Metric {
  return averaged('precision', options, ({ hits, predicted }) => share(hits, predicted))
}

/**
 * Share of a class that was found, 0 to 1; 0 where there was nothing to find.
 *
 * Shape: as {@link confusionMatrix}.
 */
export function recall(options: FScoreOptions = {}): Metric {
  return averaged('recall', options, ({ hits, present }) => share(hits, present))
}

/**
 * Harmonic mean of {@link precision} and {@link recall}, 0 to 1.
 *
 * Shape: as {@link confusionMatrix}.
 */
export function f1(options: FScoreOptions = {}): Metric {
  return averaged('f1', options, ({ hits, predicted, present }) => share(2 * hits, predicted + present))
}

function averaged(op: string, options: FScoreOptions, score: (tally: Tally) => number): Metric {
  const { average = 'binary' } = options
  return countDecisions(op, options, (confusion) => {
    const tallies = talliesOf(confusion)
    if (average === 'binary') {
      if (confusion.classes !== 2)
        fail(
          op,
          `${confusion.classes} classes with the binary average`,
          "choose 'macro' or 'micro', or have two classes",
        )
      return score(tallies[1] as Tally)
    }
    if (average === 'micro') return score(tallies.reduce(sum))
    const occurring = tallies.filter((t) => t.predicted + t.present > 0)
    return occurring.reduce((all, tally) => all + score(tally), 0) / occurring.length
  })
}

function talliesOf({ counts }: Confusion): Tally[] {
  return counts.map((row, c) => ({
    hits: row[c] as number,
    predicted: counts.reduce((all, other) => all + (other[c] as number), 0),
    present: row.reduce((all, count) => all + count, 0),
  }))
}

function sum(a: Tally, b: Tally): Tally {
  return { hits: a.hits + b.hits, predicted: a.predicted + b.predicted, present: a.present + b.present }
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
