import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { add } from '../ops/arithmetic.ts'
import { matmul } from '../ops/matmul.ts'
import { zeros } from '../ops/movement.ts'
import { type Cell, gatesOf, statesOf } from '../ops/recurrent-cell.ts'
import { recurrentStep } from '../ops/recurrent-step.ts'
import { formatShape, sameShape } from '../shape.ts'
import { uniform } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

/** Options of {@link LSTMCell} and {@link GRUCell}. */
export interface RecurrentCellOptions {
  /** Whether there are biases; true unless given. */
  readonly bias?: boolean
}

/** One step of a cell: inputs [B, inputSize], states [B, hiddenSize]. */
abstract class RecurrentCell extends Module {
  readonly weightIh: Parameter
  readonly weightHh: Parameter
  readonly biasIh: Parameter | null
  readonly biasHh: Parameter | null
  readonly inputSize: number
  readonly hiddenSize: number
  readonly #name: string
  readonly #cell: Cell

  constructor(name: string, cell: Cell, inputSize: number, hiddenSize: number, { bias = true }: RecurrentCellOptions) {
    super()
    this.#name = name
    this.#cell = cell
    this.inputSize = inputSize
    this.hiddenSize = hiddenSize
    const rows = gatesOf(cell) * hiddenSize
    const make = (field: string, shape: readonly number[]): Parameter =>
      new Parameter(uniform(shape, 1 / Math.sqrt(hiddenSize)), `${name}.${field}`)
    this.weightIh = make('weightIh', [rows, inputSize])
    this.weightHh = make('weightHh', [rows, hiddenSize])
    this.biasIh = bias ? make('biasIh', [rows]) : null
    this.biasHh = bias ? make('biasHh', [rows]) : null
  }

  /** h, and c of an LSTM, after a step. */
  protected next(x: Tensor, given: readonly (Tensor | undefined)[]): readonly Tensor[] {
    const name = this.#name
    const wanted = [x.shape[0] as number, this.hiddenSize]
    if (x.shape.length !== 2 || x.shape[1] !== this.inputSize)
      fail(name, `the input is ${formatShape(x.shape)}`, `it must be [B, ${this.inputSize}]`)
    for (const t of given)
      if (t && !sameShape(t.shape, wanted))
        fail(name, `a state is ${formatShape(t.shape)}`, `it must be ${formatShape(wanted)}`)
    const state = Array.from({ length: statesOf(this.#cell) }, (_, i) => given[i] ?? zeros(wanted))
    const product = matmul(x, this.weightIh, { transB: true })
    return recurrentStep(
      this.#cell,
      this.biasIh ? add(product, this.biasIh) : product,
      this.weightHh,
      this.biasHh,
      state,
    )
  }
}

/** One step of an {@link LSTM}. Shape: [B, inputSize], h and c [B, hiddenSize] -> h and c after it. */
export class LSTMCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    super('LSTMCell', 'lstm', inputSize, hiddenSize, options)
  }

  /** h and c after a step; from zeros unless both are given. */
  step(x: Tensor, state?: { readonly h: Tensor; readonly c: Tensor }): { readonly h: Tensor; readonly c: Tensor } {
    const [h, c] = this.next(x, [state?.h, state?.c]) as [Tensor, Tensor]
    return { h, c }
  }

  /** h alone of {@link LSTMCell.step}. */
  override forward(x: Tensor, h?: Tensor, c?: Tensor): Tensor {
    return this.next(x, [h, c])[0] as Tensor
  }
}

/** One step of a {@link GRU}. Shape: [B, inputSize], h [B, hiddenSize] -> h after it; from zeros unless h is given. */
export class GRUCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    super('GRUCell', 'gru', inputSize, hiddenSize, options)
  }

  override forward(x: Tensor, h?: Tensor): Tensor {
    return this.next(x, [h])[0] as Tensor
  }
}

/** One step of an {@link RNN}. Shape: [B, inputSize], h [B, hiddenSize] -> h after it; from zeros unless h is given. */
export class RNNCell extends RecurrentCell {
  constructor(
    inputSize: number,
    hiddenSize: number,
    options: RecurrentCellOptions & { readonly nonlinearity?: 'tanh' | 'relu' } = {},
  ) {
    super('RNNCell', options.nonlinearity ?? 'tanh', inputSize, hiddenSize, options)
  }

  override forward(x: Tensor, h?: Tensor): Tensor {
    return this.next(x, [h])[0] as Tensor
  }
}
