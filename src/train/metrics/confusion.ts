import { fail } from '../../errors.ts'
import { type DecisionOptions, decide } from './decisions.ts'
import { type HostValues, type Metric, needValues } from './metric.ts'

/** How often each class was taken for each. */
export interface Confusion {
  readonly classes: number
  /** `counts[truth][decided]` */
  readonly counts: readonly (readonly number[])[]
}

/**
 * How often each class was taken for each.
 *
 * Shape: output [..., classes], of which the highest score counts (among equals the first), or [...] or [..., 1] with
 * one score each for two classes; target [...] with classes from 0.
 */
export function confusionMatrix(options: DecisionOptions = {}): Metric<Confusion> {
  return countDecisions('confusionMatrix', options, (confusion) => confusion)
}

/** @internal A metric that follows from the confusion matrix. */
export function countDecisions<Result>(
  op: string,
  options: DecisionOptions,
  resultOf: (confusion: Confusion) => Result,
): Metric<Result> {
  let counts: number[][] = []
  return {
    update(output: HostValues, target: HostValues): void {
      decide(op, options, output, target, (truth, decided, classes) => {
        if (counts.length === 0) counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
        if (counts.length !== classes)
          fail(op, `the output has ${classes} classes`, `batches before it had ${counts.length}`)
        const row = counts[truth] as number[]
        row[decided] = (row[decided] as number) + 1
      })
    },
    compute(): Result {
      needValues(op, counts.length)
      return resultOf({ classes: counts.length, counts: counts.map((row) => [...row]) })
    },
    reset(): void {
      counts = []
    },
  }
}
