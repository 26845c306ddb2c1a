import { fail } from '../../errors.ts'
import { formatShape, numel } from '../../shape.ts'
import { type HostValues, type Metric, needNumbers, needValues } from './metric.ts'

/**
 * Area under the ROC curve: how often a random positive has a higher score than a random negative, where equal scores count half. 0.5 is
 * chance, 1 perfect. Throws at compute where there is one class only.
 *
 * Shape: output [...] or [..., 1] with a score for class 1, or [..., 2] with the logits of both; target [...], 0 or 1.
 */
export function rocAuc(): Metric {
  return ranked('rocAuc', (ties, positives, negatives) => {
    if (negatives === 0) fail('rocAuc', `all ${positives} targets are 1`, 'it needs targets of both classes')
    let above = 0
    let area = 0
    for (const { positives: p, negatives: n } of ties) {
      area += n * (above + p / 2)
      above += p
    }
    return area / positives / negatives
  })
}

/**
 * Average precision: the mean, over all positives, of the precision among what scores at least as high; equal scores stand or fall
 * together, and nothing is interpolated. A random order gives the share of positives, a perfect one 1.
 *
 * Shape: as {@link rocAuc}.
 */
export function averagePrecision(): Metric {
  return ranked('averagePrecision', (ties, positives) => {
    let hits = 0
    let taken = 0
    let sum = 0
    for (const { positives: p, negatives: n } of ties) {
      hits += p
      taken += p + n
      sum += p * (hits / taken)
    }
    return sum / positives
  })
}

/** Samples of one score. */
interface Tie {
  positives: number
  negatives: number
}

/** A metric of the order in which scores, from the highest down, put positives and negatives. Keeps 9 bytes for each sample. */
function ranked(op: string, resultOf: (ties: readonly Tie[], positives: number, negatives: number) => number): Metric {
  let scores = new Float64Array(1024)
  let labels = new Uint8Array(1024)
  let count = 0
  return {
    update(output: HostValues, target: HostValues): void {
      const rows = numel(target.shape)
      const each = output.data.length / Math.max(rows, 1)
      if (rows !== target.data.length || (rows > 0 && each !== 1 && !(each === 2 && output.shape.at(-1) === 2)))
        fail(
          op,
          `the output is ${formatShape(output.shape)} and the target ${formatShape(target.shape)}`,
          'the output needs one score for each target, or the logits of two classes along its last axis',
        )
      needNumbers(op, 'output', output)
      if (count + rows > scores.length) {
        const size = Math.max(count + rows, 2 * scores.length)
        scores = grown(new Float64Array(size), scores)
        labels = grown(new Uint8Array(size), labels)
      }
      for (let row = 0; row < rows; row++) {
        const label = target.data[row] as number
        if (label !== 0 && label !== 1) fail(op, `target ${row} is ${label}`, 'it must be 0 or 1')
        const at = row * each
        // Probabilities rise with the difference of the logits.
        const score = each === 2 ? (output.data[at + 1] as number) - (output.data[at] as number) : output.data[at]
        if (Number.isNaN(score))
          fail(op, `the logits of row ${row} are ${output.data[at]} twice`, 'their difference must be a number')
        scores[count] = score as number
        labels[count++] = label
      }
    },
    compute(): number {
      needValues(op, count)
      const positives = labels.subarray(0, count).reduce((all, label) => all + label, 0)
      if (positives === 0) fail(op, `all ${count} targets are 0`, 'it needs targets of both classes')
      return resultOf(tiesOf(scores.subarray(0, count), labels), positives, count - positives)
    },
    reset(): void {
      count = 0
    },
  }
}

function tiesOf(scores: Float64Array, labels: Uint8Array): Tie[] {
  const order = Uint32Array.from(scores, (_, i) => i)
  order.sort((a, b) => (scores[b] as number) - (scores[a] as number) || 0)
  const ties: Tie[] = []
  let last: number | null = null
  for (const i of order) {
    if (scores[i] !== last) ties.push({ positives: 0, negatives: 0 })
    last = scores[i] as number
    const tie = ties[ties.length - 1] as Tie
    if (labels[i] === 1) tie.positives++
    else tie.negatives++
  }
  return ties
}

function grown<T extends Float64Array | Uint8Array>(larger: T, array: T): T {
  larger.set(array)
  return larger
}
