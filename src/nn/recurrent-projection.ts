import type { Tensor } from '../graph/tensor.ts'
import { add, equal, greater, sub, where, zerosLike } from '../ops/arithmetic.ts'
import { matmul } from '../ops/matmul.ts'
import { arange, concat, slice, unsqueeze } from '../ops/movement.ts'
import { recurrent } from '../ops/recurrent.ts'
import { reshape } from '../ops/reshape.ts'

/** States before and after a pass over sequences, [1, B, n] each; c of an LSTM alone. */
export interface PassState {
  readonly h: Tensor
  readonly c: Tensor | null
}

/** What a pass takes beside the sequence and the weights. */
export interface PassOptions {
  readonly state: PassState | null
  readonly lengths: Tensor | null
  readonly reversed: boolean
}

/**
 * An LSTM whose h is projected, h = P u with u = o tanh(c) (Sak et al. 2014), over x [B, T, 4 H] with w [4 H, n] and the projection P
 * [n, H]. In terms of u it is a plain LSTM with the weights w P, so that it runs as one: the h given before the first step joins x there,
 * and all outputs are projected at the end.
 */
export function projectedLstm(
  x: Tensor,
  w: Tensor,
  projection: Tensor,
  { state, lengths, reversed }: PassOptions,
): PassState & { readonly output: Tensor } {
  const given = state ? withFirst(x, matmul(state.h, w, { transB: true }), lengths, reversed) : x
  const { output, last } = recurrent('lstm', given, matmul(w, projection), {
    state: state && concat([zerosLike(state.c as Tensor), state.c as Tensor]),
    lengths,
    reversed,
  })
  const [u, c] = [slice(last, [[0, 1]]), slice(last, [[1, 2]])]
  const h = matmul(u, projection, { transB: true })
  return {
    output: matmul(output, projection, { transB: true }),
    // A row without steps keeps its state.
    h: state && lengths ? where(unsqueeze(greater(lengths, 0), 1), h, state.h) : h,
    c,
  }
}

/** x with `first` [1, B, n] added at the first step of each row. */
function withFirst(x: Tensor, first: Tensor, lengths: Tensor | null, reversed: boolean): Tensor {
  const [batch, time] = x.shape as [number, number]
  const steps = arange(time)
  const end = lengths ? sub(unsqueeze(lengths, 1), 1) : time - 1
  const isFirst = reversed ? equal(steps, end) : equal(steps, 0)
  return add(x, where(unsqueeze(isFirst, -1), reshape(first, [batch, 1, first.shape[2] as number]), 0))
}
