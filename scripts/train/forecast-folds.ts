import type { Series } from '../../src/data/index.ts'
import {
  type ForecastData,
  forecastData,
  forecastScores,
  type LinearForecast,
  windowTargets,
} from '../../src/models/index.ts'
import { type Baseline, baselinesOf } from './forecast-model.ts'
import type { ForecastSettings } from './forecast-options.ts'
import type { ErrorRow } from './forecast-table.ts'

/** One block of rows to test with, and what comes before it to train on. */
export interface ForecastFold {
  readonly data: ForecastData
  /** [windows, horizon, targets], in units of the series; NaN where a value is missing. */
  readonly truth: Float32Array<ArrayBuffer>
  readonly baselines: readonly Baseline[]
  readonly linear: LinearForecast | null
}

/**
 * Walks forward through a series: so many blocks of `test` rows at its end, oldest first, each behind all the rows before it to train on
 * (expanding windows).
 */
export function foldsOf(series: Series, settings: ForecastSettings & { readonly test: number }): ForecastFold[] {
  const { target, window, horizon, test, leaveOut, folds, season } = settings
  const before = (series.shape[0] ?? 0) - folds * test - leaveOut
  if (season !== undefined && season > before)
    throw new Error(
      `forecast: --season is ${season}, and ${before} rows come before those to test with; give a shorter one, or leave it out`,
    )
  return Array.from({ length: folds }, (_, i) => {
    const later = (folds - 1 - i) * test
    const data = forecastData(series, { targets: target, window, horizon, test, leaveOut: leaveOut + later })
    return { data, truth: data.unscale(windowTargets(data.test)), ...baselinesOf(data, settings) }
  })
}

/** Root mean squared errors of each target over all folds, of forecasts for each. */
export function errorsOf(folds: readonly ForecastFold[], forecasts: readonly Float32Array[]): number[] {
  const [{ data }] = folds as [ForecastFold]
  const layout = { horizon: data.test.horizon, targets: data.targets.length }
  return forecastScores(joined(forecasts), joined(folds.map(({ truth }) => truth)), layout).map(({ rmse }) => rmse)
}

/** The errors of the baselines that all folds have. */
export function baselineRows(folds: readonly ForecastFold[]): ErrorRow[] {
  const [first] = folds as [ForecastFold]
  return first.baselines.flatMap(({ name }) => {
    const each = folds.flatMap(({ baselines }) => baselines.filter((other) => other.name === name))
    const errors = (): number[] =>
      errorsOf(
        folds,
        each.map(({ values }) => values),
      )
    return each.length === folds.length ? [{ name, errors: [errors()] }] : []
  })
}

function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => Array.from(part)))
}
