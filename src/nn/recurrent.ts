import { fail } from '../errors.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import { add } from '../ops/arithmetic.ts'
import { matmul } from '../ops/matmul.ts'
import { concat, slice } from '../ops/movement.ts'
import { dropout } from '../ops/random.ts'
import { recurrent } from '../ops/recurrent.ts'
import { type Cell, gatesOf, statesOf } from '../ops/recurrent-cell.ts'
import { formatShape, sameShape } from '../shape.ts'
import { uniform } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

/** Options of {@link LSTM}, {@link GRU} and {@link RNN}. */
export interface RecurrentLayerOptions {
  /** Layers, each over the outputs of the one before; 1 unless given. */
  readonly numLayers?: number
  /** Whether there are biases; true unless given. */
  readonly bias?: boolean
  /** Share of the outputs between layers that is set to 0 in training; 0 unless given. */
  readonly dropout?: number
  /** Runs each layer in both directions and joins their outputs; false unless given. */
  readonly bidirectional?: boolean
}

/** What a recurrent layer may be given beside a sequence. */
export interface SequenceOptions {
  /** h before the first step: [numLayers * directions, B, H]; zeros unless given. */
  readonly h?: Tensor | null
  /** c before the first step, of an LSTM: as h. */
  readonly c?: Tensor | null
  /** Valid steps of each row, an i32 tensor [B] or a list; all unless given. */
  readonly lengths?: Tensor | readonly number[] | null
}

/** What a recurrent layer makes of a sequence. */
export interface SequenceResult {
  /** h of the last layer after each step: [B, T, directions * H]; 0 at padding. */
  readonly output: Tensor
  /** h after the last valid step: [numLayers * directions, B, H]. */
  readonly h: Tensor
  /** c after the last valid step, of an LSTM: as h. */
  readonly c: Tensor | null
}

/** Layers of a cell over sequences [B, T, inputSize]; the fields are named as in PyTorch, such as `weightIhL0Reverse`. */
abstract class RecurrentLayers extends Module {
  readonly inputSize: number
  readonly hiddenSize: number
  readonly numLayers: number
  readonly dropout: number
  readonly bidirectional: boolean
  readonly #name: string
  readonly #cell: Cell

  constructor(name: string, cell: Cell, inputSize: number, hiddenSize: number, options: RecurrentLayerOptions) {
    super()
    const { numLayers = 1, bias = true, dropout: share = 0, bidirectional = false } = options
    for (const [what, value] of Object.entries({ inputSize, hiddenSize, numLayers }))
      if (!(Number.isInteger(value) && value > 0))
        fail(name, `${what} is ${value}`, 'it must be a whole number of at least 1')
    if (!(share >= 0 && share <= 1)) fail(name, `dropout is ${share}`, 'it must be from 0 to 1')
    this.#name = name
    this.#cell = cell
    this.inputSize = inputSize
    this.hiddenSize = hiddenSize
    this.numLayers = numLayers
    this.dropout = share
    this.bidirectional = bidirectional
    const rows = gatesOf(cell) * hiddenSize
    const bound = 1 / Math.sqrt(hiddenSize)
    for (const [layer, suffix] of this.#passes()) {
      const size = layer === 0 ? inputSize : hiddenSize * (bidirectional ? 2 : 1)
      const shapes: Record<string, number[]> = {
        weightIh: [rows, size],
        weightHh: [rows, hiddenSize],
        ...(bias ? { biasIh: [rows], biasHh: [rows] } : {}),
      }
      const fields = Object.entries(shapes).map(([field, shape]) => {
        const key = field + suffix
        return [key, new Parameter(uniform(shape, bound), `${name}.${key}`)] as const
      })
      Object.assign(this, Object.fromEntries(fields))
    }
  }

  /** Layer, end of the names of its fields, and whether it runs in reverse. */
  #passes(): [layer: number, suffix: string, reversed: boolean][] {
    return Array.from({ length: this.numLayers }, (_, layer) =>
      (this.bidirectional ? [false, true] : [false]).map((reversed): [number, string, boolean] => [
        layer,
        `L${layer}${reversed ? 'Reverse' : ''}`,
        reversed,
      ]),
    ).flat()
  }

  /** Shape: [B, T, inputSize] -> [B, T, directions * hiddenSize], from zeros on and with all steps valid. */
  override forward(x: Tensor): Tensor {
    return this.run(x).output
  }

  /** The outputs and the last states for sequences [B, T, inputSize], which may be of various lengths. */
  run(x: Tensor, { h = null, c = null, lengths = null }: SequenceOptions = {}): SequenceResult {
    const name = this.#name
    if (x.shape.length !== 3 || x.shape[2] !== this.inputSize)
      fail(name, `the input is ${formatShape(x.shape)}`, `it must be [B, T, ${this.inputSize}]`)
    const passes = this.#passes()
    const wanted = [passes.length, x.shape[0] as number, this.hiddenSize]
    for (const [what, t] of Object.entries({ h, c }))
      if (t && !sameShape(t.shape, wanted))
        fail(name, `${what} is ${formatShape(t.shape)}`, `it must be ${formatShape(wanted)}`)
    const hasCell = statesOf(this.#cell) === 2
    if (hasCell ? !h !== !c : c) fail(name, `${h ? 'h' : 'c'} alone`, hasCell ? 'give both h and c' : 'there is no c')
    const valid =
      lengths === null || 'dtype' in lengths ? lengths : tensor(Int32Array.from(lengths), { device: x.device })

    let input = x
    const lasts: Tensor[] = []
    for (let layer = 0; layer < this.numLayers; layer++) {
      if (layer > 0 && this.dropout > 0 && this.isTraining()) input = dropout(input, this.dropout)
      const outputs = passes.flatMap(([of, suffix, reversed], k) => {
        if (of !== layer) return []
        const parts = [h, c].flatMap((t) => (t ? [slice(t, [[k, k + 1]])] : []))
        const state = parts.length > 1 ? concat(parts) : (parts[0] ?? null)
        const { output, last } = this.#pass(input, suffix, { state, lengths: valid, reversed })
        lasts.push(last)
        return [output]
      })
      input = outputs.length > 1 ? concat(outputs, -1) : (outputs[0] as Tensor)
    }
    const joined = (state: number): Tensor => {
      const each = lasts.map((last) => (hasCell ? slice(last, [[state, state + 1]]) : last))
      return each.length > 1 ? concat(each) : (each[0] as Tensor)
    }
    return { output: input, h: joined(0), c: hasCell ? joined(1) : null }
  }

  #pass(
    x: Tensor,
    suffix: string,
    options: { readonly state: Tensor | null; readonly lengths: Tensor | null; readonly reversed: boolean },
  ): ReturnType<typeof recurrent> {
    const fields = this as unknown as Readonly<Record<string, Parameter | undefined>>
    const [biasIh, biasHh] = [fields[`biasIh${suffix}`], fields[`biasHh${suffix}`]]
    const product = matmul(x, fields[`weightIh${suffix}`] as Parameter, { transB: true })
    const isGru = this.#cell === 'gru'
    const bias = biasIh && biasHh && !isGru ? add(biasIh, biasHh) : biasIh
    return recurrent(this.#cell, bias ? add(product, bias) : product, fields[`weightHh${suffix}`] as Parameter, {
      ...options,
      bias: isGru ? (biasHh ?? null) : null,
    })
  }
}

/**
 * Long short-term memory (Hochreiter and Schmidhuber 1997), with PyTorch's names and order of gates. Sequences are [B, T, features]:
 * PyTorch's `batch_first=True` is the only layout.
 *
 * Shape: [B, T, inputSize] -> [B, T, directions * hiddenSize]; `run` takes states and lengths and gives the last states. Weights start
 * uniform within 1 / sqrt(hiddenSize).
 */
export class LSTM extends RecurrentLayers {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentLayerOptions = {}) {
    super('LSTM', 'lstm', inputSize, hiddenSize, options)
  }
}

/**
 * Gated recurrent units (Cho et al. 2014) in the form whose reset gate comes after the product, as PyTorch's and cuDNN's. Sequences are
 * [B, T, features].
 *
 * Shape: [B, T, inputSize] -> [B, T, directions * hiddenSize]; `run` takes states and lengths and gives the last states. Weights start
 * uniform within 1 / sqrt(hiddenSize).
 */
export class GRU extends RecurrentLayers {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentLayerOptions = {}) {
    super('GRU', 'gru', inputSize, hiddenSize, options)
  }
}

/**
 * The plain recurrent network, h = tanh(W x + b + W h + b) or with relu (Elman 1990). Sequences are [B, T, features].
 *
 * Shape: [B, T, inputSize] -> [B, T, directions * hiddenSize]; `run` takes states and lengths and gives the last states. Weights start
 * uniform within 1 / sqrt(hiddenSize).
 */
export class RNN extends RecurrentLayers {
  constructor(
    inputSize: number,
    hiddenSize: number,
    options: RecurrentLayerOptions & { readonly nonlinearity?: 'tanh' | 'relu' } = {},
  ) {
    super('RNN', options.nonlinearity ?? 'tanh', inputSize, hiddenSize, options)
  }
}
