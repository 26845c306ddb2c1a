import type { Series } from 'wgrad/data'
import {
  type ForecastData,
  type Forecaster,
  fitLinear,
  forecastData,
  forecastNext,
  forecastScores,
  forecastWindows,
  levelOf,
  naiveForecast,
  quantileScores,
  uncrossed,
  windowTargets,
} from 'wgrad/models'
import type { Events, Rival, Settings } from './protocol.ts'

/** Rows at the end that are kept to test with: a fifth, and at most so many. */
const mostTest = 500

/** Rows of the test that are drawn. */
const drawn = 150

/** Sums for a linear fit at most: some seconds on the host. */
const mostWork = 2e9

/** A series made ready, and what becomes of its test by one forecaster or another. */
export class Outlook {
  readonly data: ForecastData
  readonly #series: Series
  readonly #target: string
  readonly #rivals: readonly Rival[]
  /** [windows, horizon, 1], in units of the series. */
  readonly #truth: Float32Array<ArrayBuffer>

  /** Throws where the series is too short, or has no such column. */
  constructor(series: Series, { target, window, horizon }: Settings) {
    const test = Math.max(horizon, Math.min(mostTest, Math.floor((series.shape[0] ?? 0) / 5)))
    this.#series = series
    this.#target = target || (series.names[0] as string)
    this.data = forecastData(series, { targets: [this.#target], window, horizon, test })
    this.#truth = this.data.unscale(windowTargets(this.data.test))
    this.#rivals = this.#measure()
  }

  /** What a forecaster of the levels 0.1, 0.5 and 0.9 makes of the test and of what comes after. */
  async of(model: Forecaster): Promise<Events['forecast']> {
    const { data } = this
    const { horizon } = model.config
    const levels = model.config.quantiles
    const made = data.unscale(uncrossed(await forecastWindows(model, data.test), levels.length), levels.length)
    const next = await forecastNext(model, this.#series, data.normalizer)
    const [quantile] = quantileScores(made, this.#truth, { targets: 1, quantiles: levels })
    const [below = 0, , above = 0] = quantile?.below ?? []
    const count = Math.min(drawn, data.test.length)
    const first = data.test.length - count
    // Of each window the step ahead; then the rows of the last one that are not forecast by a later window, and those after the end.
    const last = data.test.from + data.test.length
    const length = this.#series.shape[0] ?? 0
    const rows = Float64Array.from(
      { length: length - data.test.from - first + horizon },
      (_, i) => data.test.from + first + i,
    )
    const level = (at: number): Float64Array<ArrayBuffer> =>
      rows.map((row) => {
        if (row < last) return made[(row - data.test.from) * horizon * levels.length + at] as number
        if (row < length)
          return made[((data.test.length - 1) * horizon + row - last + 1) * levels.length + at] as number
        return next[(row - length) * levels.length + at] as number
      })
    return {
      target: this.#target,
      rows,
      truth: rows.map((row) => this.#valueAt(row)),
      ...{ low: level(0), middle: level(1), high: level(2) },
      rmse: this.#error(levelOf(made, 1, levels.length)),
      rivals: this.#rivals,
      covered: above - below,
    }
  }

  #valueAt(row: number): number {
    const { names, data } = this.#series
    return data[row * names.length + (this.data.targets[0] as number)] ?? Number.NaN
  }

  #error(values: Float32Array): number {
    const [score] = forecastScores(values, this.#truth, { horizon: this.data.test.horizon, targets: 1 })
    return score?.rmse ?? Number.NaN
  }

  /** The forecasts that a network must beat. */
  #measure(): Rival[] {
    const { train, test } = this.data
    const coefficients = train.window * train.features + 1
    const isFitted = train.length > 2 * coefficients && train.length * coefficients ** 2 < mostWork
    const scaled: [string, Float32Array<ArrayBuffer>][] = [
      ['the last value', naiveForecast(test)],
      ...(isFitted ? [['linear', fitLinear(train).forecast(test)] as [string, Float32Array<ArrayBuffer>]] : []),
    ]
    return scaled.map(([name, values]) => ({ name, rmse: this.#error(this.data.unscale(values)) }))
  }
}
