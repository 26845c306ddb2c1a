import { fail } from '../../errors.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { zeros_ } from '../../nn/init.ts'
import { Linear } from '../../nn/linear.ts'
import { Module } from '../../nn/module.ts'
import { Buffer } from '../../nn/parameter.ts'
import { GRU, LSTM, RNN } from '../../nn/recurrent.ts'
import { add } from '../../ops/arithmetic.ts'
import { matmul } from '../../ops/matmul.ts'
import { concat, slice, unsqueeze, zeros } from '../../ops/movement.ts'
import { dropout } from '../../ops/random.ts'
import { reshape } from '../../ops/reshape.ts'
import { formatShape } from '../../shape.ts'
import type { LinearForecast } from './linear-forecast.ts'

/** What a forecaster is made of. */
export interface ForecasterConfig {
  /** Values of a step. */
  readonly inputSize: number
  /** Places of the values to forecast, among those of a step. */
  readonly targets: readonly number[]
  /** Steps that a forecast sees. */
  readonly window: number
  /** Steps to forecast; 1 unless given. */
  readonly horizon?: number
  /** 'lstm' (Hochreiter and Schmidhuber 1997), 'gru' (Cho et al. 2014) or 'rnn' (Elman 1990); 'lstm' unless given. */
  readonly cell?: 'lstm' | 'gru' | 'rnn'
  /** Width of the recurrent layers; 64 unless given. */
  readonly hiddenSize?: number
  /** 1 unless given. */
  readonly numLayers?: number
  /** Share of the state that is set to 0 in training, between layers and before the head; 0 unless given. */
  readonly dropout?: number
  /**
   * What the network's output is added to: 'none', the 'last' values that it sees, or a 'linear' function of all that it sees, which
   * {@link Forecaster.setLinear} takes from a least-squares fit (a hybrid as Zhang 2003 has it). 'none' unless given.
   */
  readonly residual?: 'none' | 'last' | 'linear'
  /** Levels between 0 and 1 that are forecast of each value, rising; without them a single value is, such as the mean. */
  readonly quantiles?: readonly number[]
}

/**
 * Forecasts the next steps of a series from a window of the last ones: recurrent layers, and a linear head on their last state.
 *
 * Shape: [B, window, inputSize] -> [B, horizon, targets], or [B, horizon, targets, quantiles] where there are quantiles. Each step of the
 * horizon is an output of its own; none is fed back.
 *
 * @example
 * const model = new Forecaster({ inputSize: 9, targets: [2], window: 24, horizon: 6, cell: 'gru', quantiles: [0.1, 0.5, 0.9] })
 */
export class Forecaster extends Module {
  readonly config: Required<ForecasterConfig>
  readonly rnn: LSTM | GRU | RNN
  readonly head: Linear
  /** Of a residual that is linear: [horizon * targets, window * inputSize]. */
  readonly linearWeight: Buffer | null
  /** [horizon * targets] */
  readonly linearBias: Buffer | null

  constructor(config: ForecasterConfig) {
    super()
    this.config = checked({
      ...{ horizon: 1, cell: 'lstm', hiddenSize: 64, numLayers: 1, dropout: 0, residual: 'none', quantiles: [] },
      ...config,
    })
    const { inputSize, targets, window, horizon, cell, hiddenSize, numLayers, residual, quantiles } = this.config
    const layer = { lstm: LSTM, gru: GRU, rnn: RNN }[cell]
    this.rnn = new layer(inputSize, hiddenSize, { numLayers, dropout: this.config.dropout })
    const outputs = horizon * targets.length
    this.head = new Linear(hiddenSize, outputs * Math.max(1, quantiles.length))
    // A forecaster with a residual starts as what it adds to, but for its bias.
    if (residual !== 'none') zeros_(this.head.weight)
    const isLinear = residual === 'linear'
    this.linearWeight = isLinear ? new Buffer(zeros([outputs, window * inputSize]), 'Forecaster.linearWeight') : null
    this.linearBias = isLinear ? new Buffer(zeros([outputs]), 'Forecaster.linearBias') : null
  }

  override forward(x: Tensor): Tensor {
    const { inputSize, targets, window, horizon, hiddenSize, numLayers, quantiles } = this.config
    if (x.shape.length !== 3 || x.shape[1] !== window || x.shape[2] !== inputSize)
      fail('Forecaster', `the input is ${formatShape(x.shape)}`, `it must be [B, ${window}, ${inputSize}]`)
    const batch = x.shape[0] as number
    const { h } = this.rnn.run(x)
    const state = reshape(slice(h, [[numLayers - 1, numLayers]]), [batch, hiddenSize])
    const rate = this.config.dropout
    const output = this.head.forward(rate > 0 && this.isTraining() ? dropout(state, rate) : state)
    const base = this.base(x)
    if (quantiles.length === 0) {
      const shaped = reshape(output, [batch, horizon, targets.length])
      return base ? add(base, shaped) : shaped
    }
    const shaped = reshape(output, [batch, horizon, targets.length, quantiles.length])
    return base ? add(unsqueeze(base, -1), shaped) : shaped
  }

  /** Sets what a 'linear' residual adds; it is not trained further. */
  setLinear({ weight, bias }: LinearForecast): void {
    if (!this.linearWeight || !this.linearBias)
      fail('Forecaster', `a linear fit is given and residual is '${this.config.residual}'`, `it must be 'linear'`)
    this.linearWeight.set(weight)
    this.linearBias.set(bias)
  }

  /** What the network's output is added to: [B, horizon or 1, targets]. */
  private base(x: Tensor): Tensor | null {
    const { targets, window, horizon, inputSize, residual } = this.config
    const batch = x.shape[0] as number
    if (residual === 'none') return null
    if (residual === 'last')
      return concat(
        targets.map((at) => slice(x, [null, [window - 1, window], [at, at + 1]])),
        -1,
      )
    const flat = reshape(x, [batch, window * inputSize])
    const product = matmul(flat, this.linearWeight as Buffer, { transB: true })
    return reshape(add(product, this.linearBias as Buffer), [batch, horizon, targets.length])
  }
}

function checked(config: Required<ForecasterConfig>): Required<ForecasterConfig> {
  const { inputSize, targets, window, horizon, quantiles } = config
  for (const [name, value] of Object.entries({ window, horizon }))
    if (!(Number.isInteger(value) && value > 0))
      fail('Forecaster', `${name} is ${value}`, 'it must be a whole number above 0')
  if (targets.length === 0 || !targets.every((at) => Number.isInteger(at) && at >= 0 && at < inputSize))
    fail('Forecaster', `targets are [${targets.join(', ')}]`, `name places from 0 to ${inputSize - 1}, at least one`)
  if (!quantiles.every((q, i) => q > (quantiles[i - 1] ?? 0) && q < 1))
    fail('Forecaster', `quantiles are [${quantiles.join(', ')}]`, 'they must rise, between 0 and 1')
  return config
}
