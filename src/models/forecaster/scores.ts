import { fail } from '../../errors.ts'

/** How far forecasts of one target are from the truth, in its units. */
export interface ForecastScore {
  /** Root of the mean squared error over all steps of the horizon. */
  readonly rmse: number
  /** Mean absolute error. */
  readonly mae: number
  /** The root of the mean squared error of each step of the horizon. */
  readonly rmseByStep: readonly number[]
  /** How many targets were there to compare with. */
  readonly count: number
}

/** How well quantiles of one target are forecast. */
export interface QuantileScore {
  /** Mean pinball loss over the levels, in units of the target. */
  readonly pinball: number
  /** For each level the share of the truth that is at most the forecast: the level itself, where the forecast is calibrated. */
  readonly below: readonly number[]
}

/** What scores are told of the arrays. */
export interface ForecastLayout {
  readonly horizon: number
  readonly targets: number
}

/**
 * Scores of point forecasts, one for each target.
 *
 * @param forecast [windows, horizon, targets]
 * @param truth Of the same shape; NaN where it is missing.
 */
export function forecastScores(
  forecast: ArrayLike<number>,
  truth: ArrayLike<number>,
  { horizon, targets }: ForecastLayout,
): ForecastScore[] {
  if (forecast.length !== truth.length || truth.length % (horizon * targets) !== 0)
    fail(
      'forecastScores',
      `${forecast.length} forecasts and ${truth.length} values`,
      `there must be as many of both, and of each horizon ${horizon * targets}`,
    )
  return Array.from({ length: targets }, (_, k) => {
    const squares = new Float64Array(horizon)
    const counts = new Float64Array(horizon)
    let distance = 0
    for (let i = k; i < truth.length; i += targets) {
      const error = (forecast[i] as number) - (truth[i] as number)
      if (Number.isNaN(truth[i])) continue
      const ahead = Math.floor(i / targets) % horizon
      squares[ahead] = (squares[ahead] as number) + error * error
      counts[ahead] = (counts[ahead] as number) + 1
      distance += Math.abs(error)
    }
    const count = counts.reduce((sum, n) => sum + n, 0)
    return {
      rmse: Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / count),
      mae: distance / count,
      rmseByStep: Array.from(squares, (square, ahead) => Math.sqrt(square / (counts[ahead] as number))),
      count,
    }
  })
}

/**
 * Scores of forecasts of quantiles, one for each target.
 *
 * @param forecast [windows, horizon, targets, quantiles]
 * @param truth [windows, horizon, targets]; NaN where it is missing.
 */
export function quantileScores(
  forecast: ArrayLike<number>,
  truth: ArrayLike<number>,
  { targets, quantiles }: { readonly targets: number; readonly quantiles: readonly number[] },
): QuantileScore[] {
  const levels = quantiles.length
  if (forecast.length !== truth.length * levels)
    fail('quantileScores', `${forecast.length} forecasts and ${truth.length} values`, `${levels} of each are needed`)
  return Array.from({ length: targets }, (_, k) => {
    const below = quantiles.map(() => 0)
    let loss = 0
    let count = 0
    for (let i = k; i < truth.length; i += targets) {
      const value = truth[i] as number
      if (Number.isNaN(value)) continue
      count++
      for (const [at, q] of quantiles.entries()) {
        const error = value - (forecast[i * levels + at] as number)
        loss += Math.max(q * error, (q - 1) * error)
        if (error <= 0) below[at] = (below[at] as number) + 1
      }
    }
    return { pinball: loss / count / levels, below: below.map((n) => n / count) }
  })
}

/** Quantiles in rising order, in place of those that cross (Chernozhukov et al. 2010): each `levels` values are sorted. */
export function uncrossed(forecast: Float32Array<ArrayBuffer>, levels: number): Float32Array<ArrayBuffer> {
  const made = forecast.slice()
  for (let at = 0; at < made.length; at += levels) made.subarray(at, at + levels).sort()
  return made
}

/** The values of one level, of `levels` for each. */
export function levelOf(forecast: Float32Array<ArrayBuffer>, level: number, levels: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: forecast.length / levels }, (_, i) => forecast[i * levels + level] as number)
}
