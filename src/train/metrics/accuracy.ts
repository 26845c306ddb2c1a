import { fail } from '../../errors.ts'
import { checkNumbers, classOf, classRows, type HostValues, type Metric, needValues } from './metric.ts'

/**
 * Share of targets whose class has the highest score, 0 to 1; among equal scores the first counts.
 *
 * Shape: output [..., classes], target [...] with classes from 0.
 */
export function accuracy(): Metric {
  return topKAccuracy(1)
}

/**
 * Share of targets whose class is among the `k` highest scores, 0 to 1; among equal scores the first ones count.
 *
 * Shape: output [..., classes], target [...] with classes from 0.
 */
export function topKAccuracy(k: number): Metric {
  const op = k === 1 ? 'accuracy' : 'topKAccuracy'
  if (!Number.isInteger(k) || k < 1) fail('topKAccuracy', `k is ${k}`, 'it must be a whole number of at least 1')
  let right = 0
  let seen = 0
  return {
    update(output: HostValues, target: HostValues): void {
      const { rows, classes } = classRows(op, output, target)
      checkNumbers(op, 'output', output)
      for (let row = 0; row < rows; row++) {
        const label = classOf(op, target, row, classes)
        if (rankOf(output.data, row * classes, classes, label) < k) right++
      }
      seen += rows
    },
    compute(): number {
      needValues(op, seen)
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
