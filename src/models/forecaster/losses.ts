import { fail } from '../../errors.ts'
import { type Tensor, tensor } from '../../graph/tensor.ts'
import { div, maximum, mul, sub } from '../../ops/arithmetic.ts'
import { unsqueeze } from '../../ops/movement.ts'
import { sum } from '../../ops/reduce.ts'
import { square } from '../../ops/unary.ts'
import { formatShape, sameShape } from '../../shape.ts'

/**
 * Mean squared error over the targets that are there.
 *
 * Shape: output, y and present, 1 where a target is there and 0 where it is missing, of one shape -> []. 0 where none is there.
 */
export function maskedMseLoss(output: Tensor, y: Tensor, present: Tensor): Tensor {
  checkShape('maskedMseLoss', output, y.shape)
  return meanOfPresent(square(sub(output, y)), present, 1)
}

/**
 * Pinball loss (Koenker and Bassett 1978), whose least value each output has at the quantile of its level: the mean over quantiles, and
 * over the targets that are there, of max(q (y - o), (q - 1) (y - o)).
 *
 * Shape: output [..., quantiles.length], y and present, 1 where a target is there and 0 where it is missing, [...] -> [].
 */
export function pinballLoss(output: Tensor, y: Tensor, present: Tensor, quantiles: readonly number[]): Tensor {
  checkShape('pinballLoss', output, [...y.shape, quantiles.length])
  const levels = tensor(Float32Array.from(quantiles), { device: output.device })
  const error = sub(unsqueeze(y, -1), output)
  const each = maximum(mul(error, levels), mul(error, sub(levels, 1)))
  return meanOfPresent(each, unsqueeze(present, -1), quantiles.length)
}

/** The mean where `present` is 1; each element of it stands for `copies` of the losses. */
function meanOfPresent(losses: Tensor, present: Tensor, copies: number): Tensor {
  return div(sum(mul(losses, present)), mul(maximum(sum(present), 1), copies))
}

function checkShape(op: string, output: Tensor, wanted: readonly number[]): void {
  if (!sameShape(output.shape, wanted))
    fail(op, `the output is ${formatShape(output.shape)}`, `for these targets it must be ${formatShape(wanted)}`)
}
