import type { Tensor } from '../graph/tensor.ts'
import { checkpoint } from '../ops/checkpoint.ts'
import { holdStatistics } from './running-norm.ts'

/**
 * Calls `fn`, such as a block of a model, and keeps nothing of what it computes in between: the gradient computes it again, as
 * `checkpoint` of `wgrad` does. Running averages of norms within it take the statistics of the first time only.
 */
export function recomputed(fn: (x: Tensor) => Tensor, x: Tensor): Tensor {
  const first: (readonly (() => void)[])[] = []
  const y = checkpoint((given) => {
    const { value, held } = holdStatistics(() => fn(given))
    first.push(held)
    return value
  }, x)
  for (const bring of first[0] ?? []) bring()
  return y
}
