/** A recurrent cell; `tanh` and `relu` are those of the plain RNN. */
export type Cell = 'lstm' | 'gru' | 'tanh' | 'relu'

/** Blocks of rows in a cell's weights. */
export function gatesOf(cell: Cell): number {
  return cell === 'lstm' ? 4 : cell === 'gru' ? 3 : 1
}

/** Tensors that a cell carries from step to step. */
export function statesOf(cell: Cell): number {
  return cell === 'lstm' ? 2 : 1
}

/** Numbers that the forward pass keeps of each unit and step for the backward pass; 0: its output is enough. */
export function partsOf(cell: Cell): number {
  return cell === 'lstm' ? 5 : cell === 'gru' ? 4 : 0
}
