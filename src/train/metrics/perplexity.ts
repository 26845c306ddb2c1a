import { classOf, scoreRows } from './decisions.ts'
import { type HostValues, type Metric, needValues } from './metric.ts'

/** Options of {@link perplexity}. */
export interface PerplexityOptions {
  /** Targets of this class are left out; none unless given. */
  readonly ignoreIndex?: number
}

/**
 * e to the mean cross entropy: as unsure as a choice among so many equally likely classes.
 *
 * Shape: output [..., classes] of logits, target [...] with classes from 0.
 */
export function perplexity({ ignoreIndex }: PerplexityOptions = {}): Metric {
  let sum = 0
  let count = 0
  return {
    update(output: HostValues, target: HostValues): void {
      const { rows, classes } = scoreRows('perplexity', output, target)
      for (let row = 0; row < rows; row++) {
        if (target.data[row] === ignoreIndex) continue
        const label = classOf('perplexity', target, row, classes)
        sum += logSumExp(output.data, row * classes, classes) - (output.data[row * classes + label] as number)
        count++
      }
    },
    compute(): number {
      needValues('perplexity', count)
      return Math.exp(sum / count)
    },
    reset(): void {
      sum = 0
      count = 0
    },
  }
}

function logSumExp(data: ArrayLike<number>, start: number, classes: number): number {
  let most = -Infinity
  for (let c = 0; c < classes; c++) most = Math.max(most, data[start + c] as number)
  let sum = 0
  for (let c = 0; c < classes; c++) sum += Math.exp((data[start + c] as number) - most)
  return most + Math.log(sum)
}
