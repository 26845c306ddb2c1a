import { type Cell, less, reshape, slice, stack, type Tensor, unsqueeze, where, zeros } from '../../src/index.ts'
import { gatesOf, statesOf } from '../../src/ops/recurrent-cell.ts'
import { recurrentStep } from '../../src/ops/recurrent-step.ts'

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
