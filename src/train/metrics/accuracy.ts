import { fail } from '../../errors.ts'
import { classOf, type DecisionOptions, decide, scoreRows } from './decisions.ts'
import { type HostValues, type Metric, needValues } from './metric.ts'

/**
 * Share of targets whose class was decided for, 0 to 1.
 *
 * Shape: output [..., classes], of which the highest score counts (among equals the first), or [...] or [..., 1] with
 * one score each for two classes; target [...] with classes from 0.
 */
export function accuracy(options: DecisionOptions = {}): Metric {
  let right = 0
  let seen = 0
  return {
    update(output: HostValues, target: HostValues): void {
      decide('accuracy', options, output, target, (truth, decided) => {
        seen++
        if (truth === decided) right++
      })
    },
    compute(): number {
      needValues('accuracy', seen)
      return right / seen
    },
    reset(): void {
      right = 0
      seen = 0
    },
  }
}

/**
 * Share of targets whose class is among the `k` highest scores, 0 to 1; among equal scores the first ones count.
 *
 * Shape: output [..., classes], target [...] with classes from 0.
 */
export function topKAccuracy(k: number): Metric {
  if (!Number.isInteger(k) || k < 1) fail('topKAccuracy', `k is ${k}`, 'it must be a whole number of at least 1')
  let right = 0
  let seen = 0
  return {
    update(output: HostValues, target: HostValues): void {
      const { rows, classes } = scoreRows('topKAccuracy', output, target)
      for (let row = 0; row < rows; row++) {
        const label = classOf('topKAccuracy', target, row, classes)
        if (rankOf(output.data, row * classes, classes, label) < k) right++
      }
      seen += rows
    },
    compute(): number {
      needValues('topKAccuracy', seen)
      return right / seen
    },
    reset(): void {
      right = 0
      seen = 0
    },
  }
}

/** How many scores of a row come before that of `label`. */
function rankOf(data: ArrayLike<number>, start: number, classes: number, label: number): number {
  const score = data[start + label] as number
  let before = 0
  for (let c = 0; c < classes; c++) {
    const other = data[start + c] as number
    if (other > score || (other === score && c < label)) before++
  }
  return before
}
