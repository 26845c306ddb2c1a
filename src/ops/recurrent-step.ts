import type { Tensor } from '../graph/tensor.ts'
import { add, less, mul, sub, where } from './arithmetic.ts'
import { matmul } from './matmul.ts'
import { slice, stack, unsqueeze, zeros } from './movement.ts'
import { type Cell, gatesOf, statesOf } from './recurrent-cell.ts'
import { reshape } from './reshape.ts'
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

/** What the cell takes beside the sequence and the weights; see recurrent. */
interface Given {
  readonly bias: Tensor | null
  readonly state: Tensor | null
  readonly lengths: Tensor | null
  readonly reversed: boolean
}

/** A cell over whole sequences x [B, T, gates H], step by step, written in ops: the outputs and the last states. */
export function recurrentBySteps(
  cell: Cell,
  x: Tensor,
  w: Tensor,
  { bias, state, lengths, reversed }: Given,
): readonly [output: Tensor, last: Tensor] {
  const [batch, time, size] = x.shape as [number, number, number]
  const shape = [batch, size / gatesOf(cell)]
  let states: readonly Tensor[] = Array.from({ length: statesOf(cell) }, (_, k) =>
    state ? reshape(slice(state, [[k, k + 1]]), shape) : zeros(shape),
  )
  const outputs = new Array<Tensor>(time)
  for (let s = 0; s < time; s++) {
    const t = reversed ? time - 1 - s : s
    const next = recurrentStep(cell, reshape(slice(x, [null, [t, t + 1]]), [batch, size]), w, bias, states)
    const isValid = lengths && unsqueeze(less(t, lengths), 1)
    states = isValid ? next.map((v, k) => where(isValid, v, states[k] as Tensor)) : next
    outputs[t] = isValid ? where(isValid, next[0] as Tensor, 0) : (next[0] as Tensor)
  }
  return [stack(outputs, 1), stack(states)]
}
