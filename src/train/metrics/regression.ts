import { fail } from '../../errors.ts'
import { type HostValues, type Metric, needPairs, needValues } from './metric.ts'

/**
 * Root of the mean squared error, in the units of the targets.
 *
 * Shape: output and target of as many elements, in the same order.
 */
export function rmse(): Metric {
  return meanError('rmse', (error) => error * error, Math.sqrt)
}

/**
 * Mean absolute error, in the units of the targets.
 *
 * Shape: output and target of as many elements, in the same order.
 */
export function mae(): Metric {
  return meanError('mae', Math.abs, (mean) => mean)
}

/**
 * Coefficient of determination: 1 less the squared error over that of always answering the targets' mean. 1 is perfect, 0 no better than
 * the mean. All elements count alike. Throws at compute where all targets are the same.
 *
 * Shape: output and target of as many elements, in the same order.
 */
export function r2(): Metric {
  let count = 0
  let mean = 0
  let spread = 0
  let squares = 0
  return {
    update(output: HostValues, target: HostValues): void {
      const n = needPairs('r2', output, target)
      for (let i = 0; i < n; i++) {
        const y = target.data[i] as number
        // Welford's running mean and squared deviations, which lose nothing where the mean is large.
        const before = y - mean
        mean += before / ++count
        spread += before * (y - mean)
        squares += ((output.data[i] as number) - y) ** 2
      }
    },
    compute(): number {
      needValues('r2', count)
      if (spread === 0) fail('r2', `all ${count} targets are ${mean}`, 'it needs targets that differ')
      return 1 - squares / spread
    },
    reset(): void {
      count = 0
      mean = 0
      spread = 0
      squares = 0
    },
  }
}

function meanError(op: string, of: (error: number) => number, finish: (mean: number) => number): Metric {
  let sum = 0
  let count = 0
  return {
    update(output: HostValues, target: HostValues): void {
      const n = needPairs(op, output, target)
      for (let i = 0; i < n; i++) sum += of((output.data[i] as number) - (target.data[i] as number))
      count += n
    },
    compute(): number {
      needValues(op, count)
      return finish(sum / count)
    },
    reset(): void {
      sum = 0
      count = 0
    },
  }
}
