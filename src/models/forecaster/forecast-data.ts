import { fitNormalizer, type Normalizer, type NormalizerState } from '../../data/normalizer.ts'
import { forwardFill, type Series } from '../../data/series.ts'
import { SeriesWindows } from '../../data/series-windows.ts'
import { fail } from '../../errors.ts'

/** Options of {@link forecastData}. */
export interface ForecastDataOptions {
  /** Names of the values to forecast. */
  readonly targets: readonly string[]
  /** Steps that a forecast sees. */
  readonly window: number
  /** Steps to forecast; 1 unless given. */
  readonly horizon?: number
  /** How many of the last steps are forecast to test with. */
  readonly test: number
  /** How many steps at the end are left out, before `test` counts; 0 unless given. */
  readonly leaveOut?: number
  /** A scale that was fitted before; that of the steps to train on unless given. */
  readonly normalizer?: Normalizer
}

/** A series made ready for a forecaster. */
export interface ForecastData {
  /** Names of a step's values. */
  readonly names: readonly string[]
  /** Places of the targets among them. */
  readonly targets: readonly number[]
  readonly normalizer: Normalizer
  /** Steps up to the test, scaled. */
  readonly train: SeriesWindows
  readonly test: SeriesWindows
  /** Scaled forecasts or targets [..., targets, each] in units of the series; `each` is 1 unless given. */
  unscale(values: ArrayLike<number>, each?: number): Float32Array<ArrayBuffer>
}

/**
 * Makes a series ready to train a forecaster with and to test it: gaps are filled with the last value known, all is scaled to mean 0 and
 * deviation 1 over the steps to train on, and the last steps are kept to test with. Nothing of them is in what is trained on. Targets that
 * are missing stay out of losses and scores.
 *
 * @throws WgradError for targets that are not in the series, values that are missing from all steps to train on, and too few steps.
 */
export function forecastData(series: Series, options: ForecastDataOptions): ForecastData {
  const op = 'forecastData'
  const { window, horizon = 1, test, leaveOut = 0 } = options
  const { names, data } = series
  const end = (series.shape[0] ?? 0) - leaveOut
  const split = end - test
  const targets = options.targets.map((name) => {
    const at = names.indexOf(name)
    return at >= 0 ? at : fail(op, `there is no '${name}' to forecast`, `the series has ${names.join(', ')}`)
  })
  if (targets.length === 0) fail(op, 'no targets are given', `name one of ${names.join(', ')}`)
  if (test < horizon) fail(op, `test is ${test} steps and the horizon ${horizon}`, 'test with at least one horizon')
  if (split < window + horizon)
    fail(
      op,
      `${Math.max(0, split)} of ${series.shape[0]} steps are left to train on`,
      `a window of ${window} and a horizon of ${horizon} need at least ${window + horizon}`,
    )
  const normalizer = options.normalizer ?? fitted(series, split)
  const width = names.length
  const known = Float32Array.from({ length: targets.length * (series.shape[0] ?? 0) }, (_, i) => {
    const at = targets[i % targets.length] as number
    const value = data[Math.floor(i / targets.length) * width + at] as number
    return (value - (normalizer.shift[at] as number)) / (normalizer.scale[at] as number)
  })
  const inputs = { data: normalizer.apply(forwardFill(series).data), shape: series.shape }
  const wanted = { data: known, shape: [series.shape[0] ?? 0, targets.length] }
  return {
    ...{ names, targets, normalizer },
    train: new SeriesWindows(inputs, wanted, { window, horizon, to: split }),
    test: new SeriesWindows(inputs, wanted, { window, horizon, from: split, to: end }),
    unscale: (values, each = 1) => unscaled(normalizer, targets, values, each),
  }
}

/** @internal Scaled values [..., targets, each] in units of the series. */
export function unscaled(
  { shift, scale }: NormalizerState,
  targets: readonly number[],
  values: ArrayLike<number>,
  each: number,
): Float32Array<ArrayBuffer> {
  return Float32Array.from(values, (value, i) => {
    const at = targets[Math.floor(i / each) % targets.length] as number
    return value * (scale[at] as number) + (shift[at] as number)
  })
}

/** The scale of the steps to train on, with the names of values that none of them has. */
function fitted(series: Series, split: number): Normalizer {
  const width = series.names.length
  const empty = series.names.filter((_, at) => {
    for (let row = 0; row < split; row++) if (!Number.isNaN(series.data[row * width + at])) return false
    return true
  })
  if (empty.length > 0)
    fail('forecastData', `${empty.join(', ')} has no value in the ${split} steps to train on`, 'leave it out')
  return fitNormalizer(series, { rows: Array.from({ length: split }, (_, i) => i) })
}
