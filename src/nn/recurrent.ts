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
import { type PassOptions, type PassState, projectedLstm } from './recurrent-projection.ts'

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
  /** h before the first step: [numLayers * directions, B, H], or `projSize` in place of H; zeros unless given. */
  readonly h?: Tensor | null
  /** c before the first step, of an LSTM: [numLayers * directions, B, H]. */
  readonly c?: Tensor | null
  /** Valid steps of each row, an i32 tensor [B] or a list; all unless given. */
  readonly lengths?: Tensor | readonly number[] | null
}

/** What a recurrent layer makes of a sequence. */
export interface SequenceResult {
  /** h of the last layer after each step: [B, T, directions * H], or `projSize` in place of H; 0 at padding. */
  readonly output: Tensor
  /** h after the last valid step: [numLayers * directions, B, H], or `projSize` in place of H. */
  readonly h: Tensor
  /** c after the last valid step, of an LSTM: [numLayers * directions, B, H]. */
  readonly c: Tensor | null
}

/** Options of {@link LSTM}. */
export interface LSTMOptions extends RecurrentLayerOptions {
  /** Projects h to so many numbers, fewer than `hiddenSize` (Sak et al. 2014); none unless given. */
  readonly projSize?: number
}

/** Layers of a cell over sequences [B, T, inputSize]; the fields are named as in PyTorch, such as `weightIhL0Reverse`. */
abstract class RecurrentLayers extends Module {
  readonly inputSize: number
  readonly hiddenSize: number
  /** Size of h, where it is projected; 0 where it is not. */
  readonly projSize: number
  readonly numLayers: number
  readonly dropout: number
  readonly bidirectional: boolean
  readonly #name: string
  readonly #cell: Cell

  constructor(name: string, cell: Cell, inputSize: number, hiddenSize: number, options: LSTMOptions) {
    super()
    const { numLayers = 1, bias = true, dropout: share = 0, bidirectional = false, projSize = 0 } = options
    for (const [what, value] of Object.entries({ inputSize, hiddenSize, numLayers }))
      if (!(Number.isInteger(value) && value > 0))
        fail(name, `${what} is ${value}`, 'it must be a whole number of at least 1')
    if (!(share >= 0 && share <= 1)) fail(name, `dropout is ${share}`, 'it must be from 0 to 1')
    if (!(Number.isInteger(projSize) && projSize >= 0 && projSize < hiddenSize))
      fail(name, `projSize is ${projSize}`, `it must be a whole number below hiddenSize, ${hiddenSize}`)
    this.#name = name
    this.#cell = cell
    this.projSize = projSize
    this.inputSize = inputSize
    this.hiddenSize = hiddenSize
    this.numLayers = numLayers
    this.dropout = share
    this.bidirectional = bidirectional
    const rows = gatesOf(cell) * hiddenSize
    const bound = 1 / Math.sqrt(hiddenSize)
    const outputs = projSize || hiddenSize
    for (const [layer, suffix] of this.#passes()) {
      const size = layer === 0 ? inputSize : outputs * (bidirectional ? 2 : 1)
      const shapes: Record<string, number[]> = {
        weightIh: [rows, size],
        weightHh: [rows, outputs],
        ...(bias ? { biasIh: [rows], biasHh: [rows] } : {}),
        ...(projSize > 0 ? { weightHr: [projSize, hiddenSize] } : {}),
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
    for (const [what, t, size] of [
      ['h', h, this.projSize || this.hiddenSize] as const,
      ['c', c, this.hiddenSize] as const,
    ]) {
      const wanted = [passes.length, x.shape[0] as number, size]
      if (t && !sameShape(t.shape, wanted))
        fail(name, `${what} is ${formatShape(t.shape)}`, `it must be ${formatShape(wanted)}`)
    }
    const hasCell = statesOf(this.#cell) === 2
    if (hasCell ? !h !== !c : c) fail(name, `${h ? 'h' : 'c'} alone`, hasCell ? 'give both h and c' : 'there is no c')
    const valid =
      lengths === null || 'dtype' in lengths ? lengths : tensor(Int32Array.from(lengths), { device: x.device })

    let input = x
    const lasts: PassState[] = []
    for (let layer = 0; layer < this.numLayers; layer++) {
      if (layer > 0 && this.dropout > 0 && this.isTraining()) input = dropout(input, this.dropout)
      const outputs = passes.flatMap(([of, suffix, reversed], k) => {
        if (of !== layer) return []
        const state = h && { h: slice(h, [[k, k + 1]]), c: c && slice(c, [[k, k + 1]]) }
        const { output, ...last } = this.#pass(input, suffix, { state, lengths: valid, reversed })
        lasts.push(last)
        return [output]
      })
      input = outputs.length > 1 ? concat(outputs, -1) : (outputs[0] as Tensor)
    }
    const joined = (parts: readonly Tensor[]): Tensor => (parts.length > 1 ? concat(parts) : (parts[0] as Tensor))
    return {
      output: input,
      h: joined(lasts.map((last) => last.h)),
      c: hasCell ? joined(lasts.map((last) => last.c as Tensor)) : null,
    }
  }

  #pass(x: Tensor, suffix: string, options: PassOptions): PassState & { readonly output: Tensor } {
    const fields = this as unknown as Readonly<Record<string, Parameter | undefined>>
    const [biasIh, biasHh] = [fields[`biasIh${suffix}`], fields[`biasHh${suffix}`]]
    const product = matmul(x, fields[`weightIh${suffix}`] as Parameter, { transB: true })
    const isGru = this.#cell === 'gru'
    const bias = biasIh && biasHh && !isGru ? add(biasIh, biasHh) : biasIh
    const given = bias ? add(product, bias) : product
    const w = fields[`weightHh${suffix}`] as Parameter
    const projection = fields[`weightHr${suffix}`]
    if (projection) return projectedLstm(given, w, projection, options)
    const { state, ...rest } = options
    const { output, last } = recurrent(this.#cell, given, w, {
      ...rest,
      state: state && (state.c ? concat([state.h, state.c]) : state.h),
      bias: isGru ? (biasHh ?? null) : null,
    })
    const isPair = statesOf(this.#cell) === 2
    const part = (k: number): Tensor => slice(last, [[k, k + 1]])
    return { output, h: isPair ? part(0) : last, c: isPair ? part(1) : null }
  }
}

/**
 * Long short-term memory (Hochreiter and Schmidhuber 1997), with PyTorch's names and order of gates. Sequences are [B, T, features]:
 * PyTorch's `batch_first=True` is the only layout.
 *
 * Shape: [B, T, inputSize] -> [B, T, directions * hiddenSize], or projSize in place of hiddenSize; `run` takes states and lengths and gives
 * the last states. Weights start uniform within 1 / sqrt(hiddenSize).
 */
export class LSTM extends RecurrentLayers {
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
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
