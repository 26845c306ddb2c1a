import { fail } from '../errors.ts'
import type { Dataset, Field, HostArray } from './dataset.ts'
import { widthOf } from './series.ts'

/** Options of {@link SeriesWindows}. */
export interface SeriesWindowsOptions {
  /** Steps that a forecast sees. */
  readonly window: number
  /** Steps to forecast; 1 unless given. */
  readonly horizon?: number
  /** The first step to forecast; as early as there is a window before it unless given. */
  readonly from?: number
  /** Steps from here on are not forecast; all are unless given. */
  readonly to?: number
}

/**
 * Windows over a series, one for each step from which to forecast: x [n, window, features] are the steps before it, y [n, horizon, targets]
 * it and those after, 0 where a target is missing, and present [n, horizon, targets] 1 where it is there and 0 where it is not.
 *
 * Windows of what comes later may reach back over `from`; nothing from `from` on is in windows that end before it.
 */
export class SeriesWindows implements Dataset<'x' | 'y' | 'present'> {
  readonly length: number
  readonly window: number
  readonly horizon: number
  /** The first step that is forecast. */
  readonly from: number
  /** Inputs of a step. */
  readonly features: number
  /** Targets of a step. */
  readonly targets: number
  readonly #inputs: Field
  readonly #targets: Field

  /** Inputs [steps, features] without NaN, and targets [steps, targets], NaN where one is missing. */
  constructor(inputs: Field, targets: Field, { window, horizon = 1, from = window, to }: SeriesWindowsOptions) {
    const op = 'SeriesWindows'
    this.features = widthOf(op, inputs)
    this.targets = widthOf(op, targets)
    const steps = inputs.shape[0] as number
    const end = to ?? steps
    if (targets.shape[0] !== steps)
      fail(op, `inputs of ${steps} steps and targets of ${targets.shape[0]}`, 'each step needs both')
    for (const [name, value] of Object.entries({ window, horizon }))
      if (!(Number.isInteger(value) && value > 0)) fail(op, `${name} is ${value}`, 'it must be a whole number above 0')
    if (!(Number.isInteger(from) && from >= window && Number.isInteger(end) && end <= steps))
      fail(
        op,
        `steps ${from} to ${end} of ${steps} are to be forecast`,
        `the first must have ${window} before it, and the last be there`,
      )
    const length = end - horizon - from + 1
    if (length < 1)
      fail(
        op,
        `steps ${from} to ${end} are too few for a horizon of ${horizon}`,
        `a series needs at least ${window + horizon} steps, of which ${window} come first`,
      )
    const gap = inputs.data.findIndex(Number.isNaN)
    if (gap >= 0)
      fail(
        op,
        `input ${gap % this.features} of step ${Math.floor(gap / this.features)} is NaN`,
        'fill gaps, as forwardFill and a Normalizer do',
      )
    this.length = length
    this.window = window
    this.horizon = horizon
    this.from = from
    this.#inputs = inputs
    this.#targets = targets
  }

  /** Target `k` at a step of the series, NaN where it is missing. */
  target(step: number, k: number): number {
    return this.#targets.data[step * this.targets + k] ?? Number.NaN
  }

  batch(indices: Uint32Array): Record<'x' | 'y' | 'present', HostArray> {
    const { window, horizon, features, targets } = this
    const n = indices.length
    const x = new Float32Array(n * window * features)
    const y = new Float32Array(n * horizon * targets)
    const present = new Float32Array(y.length)
    for (const [row, index] of indices.entries()) {
      if (index >= this.length)
        fail('SeriesWindows', `window ${index} asked of ${this.length}`, 'indices go from 0 to length - 1')
      const start = this.from + index
      x.set(this.#inputs.data.subarray((start - window) * features, start * features), row * window * features)
      const ahead = this.#targets.data.subarray(start * targets, (start + horizon) * targets)
      for (const [i, value] of ahead.entries()) {
        if (Number.isNaN(value)) continue
        y[row * ahead.length + i] = value
        present[row * ahead.length + i] = 1
      }
    }
    const shape = [n, horizon, targets]
    return {
      x: { data: x, shape: [n, window, features], dtype: 'f32' },
      y: { data: y, shape, dtype: 'f32' },
      present: { data: present, shape, dtype: 'f32' },
    }
  }
}
