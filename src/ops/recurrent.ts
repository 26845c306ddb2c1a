import { fail } from '../errors.ts'
import { needDtype } from '../graph/op.ts'
import type { Tensor } from '../graph/tensor.ts'
import { formatShape, sameShape } from '../shape.ts'
import { type Cell, gatesOf, statesOf } from './recurrent-cell.ts'
import { runForward } from './recurrent-forward.ts'

/** What {@link recurrent} takes beside the sequence and the weights. */
export interface RecurrentOptions {
  /** Added to W h before the gates of a gru are formed: [3 H]. Other cells have it in `x`. */
  readonly bias?: Tensor | null
  /** h, and c of an lstm, before the first step: [1 or 2, B, H]; zeros unless given. */
  readonly state?: Tensor | null
  /** Valid positions of each row, i32 [B]; all unless given. */
  readonly lengths?: Tensor | null
  /** Goes from the last valid position to the first. */
  readonly reversed?: boolean
}

/** What {@link recurrent} gives. */
export interface RecurrentResult {
  /** h after each step: [B, T, H]; 0 at padding. */
  readonly output: Tensor
  /** h, and c of an lstm, after the last step of each row: [1 or 2, B, H]. */
  readonly last: Tensor
}

/**
 * A recurrent cell over whole sequences in one direction, one dispatch forward and one back where a state is not too
 * large and a sequence not too long for it: LSTM (Hochreiter and Schmidhuber 1997), GRU with the reset gate after the
 * product (Cho et al. 2014), or the plain RNN with tanh or relu. x [B, T, gates H] is the product of the inputs with
 * their weights, all biases of the inputs added, in PyTorch's order of gates (i, f, g, o; r, z, n); w [gates H, H]
 * multiplies h. What stands at padding has no influence. There is no gradient of the gradient.
 */
export function recurrent(cell: Cell, x: Tensor, w: Tensor, options: RecurrentOptions = {}): RecurrentResult {
  const { bias = null, state = null, lengths = null, reversed = false } = options
  const gates = gatesOf(cell)
  for (const [name, t] of Object.entries({ x, w, bias, state })) if (t) needDtype('recurrent', name, t, 'f32')
  const [batch = 0, time = 0, size = 0] = x.shape
  const units = size / gates
  if (x.shape.length !== 3 || time === 0 || size === 0 || size % gates !== 0)
    fail(
      'recurrent',
      `x is ${formatShape(x.shape)}`,
      `it must be [B, T, ${gates > 1 ? `${gates} ` : ''}H], neither T nor H 0`,
    )
  const check = (name: string, t: Tensor | null, shape: readonly number[]): void => {
    if (t && !sameShape(t.shape, shape))
      fail('recurrent', `${name} is ${formatShape(t.shape)}`, `it must be ${formatShape(shape)}`)
  }
  check('w', w, [size, units])
  check('bias', bias, [size])
  check('state', state, [statesOf(cell), batch, units])
  check('lengths', lengths, [batch])
  if (lengths) needDtype('recurrent', 'lengths', lengths, 'i32')
  if (bias && cell !== 'gru') fail('recurrent', `a bias with the cell ${cell}`, 'only a gru has one; add it to x')
  const [output, last] = runForward(cell, x, w, { bias, state, lengths }, reversed)
  return { output, last }
}
