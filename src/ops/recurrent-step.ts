import type { Tensor } from '../graph/tensor.ts'
import { add, mul, sub } from './arithmetic.ts'
import { matmul } from './matmul.ts'
import { slice } from './movement.ts'
import { type Cell, gatesOf } from './recurrent-cell.ts'
import { relu, sigmoid, tanh } from './unary.ts'

/**
 * One step of a cell, written in ops: x [B, gates H] holds the product of the inputs, w and bias are those of h, and the state is h [B, H],
 * for an lstm with c [B, H].
 */
export function recurrentStep(
  cell: Cell,
  x: Tensor,
  w: Tensor,
  bias: Tensor | null,
  state: readonly Tensor[],
): readonly Tensor[] {
  const [h, c] = state as [Tensor, Tensor | undefined]
  const product = matmul(h, w, { transB: true })
  const p = bias ? add(product, bias) : product
  const units = (x.shape[1] as number) / gatesOf(cell)
  const gate = (of: Tensor, k: number): Tensor => slice(of, [null, [k * units, (k + 1) * units]])
  const both = (k: number): Tensor => add(gate(x, k), gate(p, k))
  if (cell === 'lstm') {
    const next = add(mul(sigmoid(both(1)), c as Tensor), mul(sigmoid(both(0)), tanh(both(2))))
    return [mul(sigmoid(both(3)), tanh(next)), next]
  }
  if (cell === 'gru') {
    const n = tanh(add(gate(x, 2), mul(sigmoid(both(0)), gate(p, 2))))
    return [add(n, mul(sigmoid(both(1)), sub(h, n)))]
  }
  return [cell === 'relu' ? relu(add(x, p)) : tanh(add(x, p))]
}
