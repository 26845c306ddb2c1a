import { DataLoader } from '../../data/loader.ts'
import type { Normalizer } from '../../data/normalizer.ts'
import { forwardFill, type Series } from '../../data/series.ts'
import type { SeriesWindows } from '../../data/series-windows.ts'
import { fail } from '../../errors.ts'
import { noGrad, tensor } from '../../graph/tensor.ts'
import type { Module } from '../../nn/module.ts'
import { sum } from '../../ops/reduce.ts'
import { evaluate } from '../../train/evaluate.ts'
import type { Metric } from '../../train/metrics/metric.ts'
import { unscaled } from './forecast-data.ts'
import type { Forecaster } from './forecaster.ts'
import { uncrossed } from './scores.ts'

/**
 * What a forecaster makes of each of the windows, walking forward through the series: each forecast sees what was measured until then.
 *
 * @returns [windows, horizon, targets], or with quantiles behind.
 */
export async function forecastWindows(
  model: Module,
  windows: SeriesWindows,
  { batchSize = 256 }: { readonly batchSize?: number } = {},
): Promise<Float32Array<ArrayBuffer>> {
  const collected = collector()
  await evaluate(model, new DataLoader(windows, { batchSize }), {
    loss: (output) => sum(output),
    metrics: { collected },
  })
  return collected.values()
}

/**
 * Forecasts the steps after the end of a series.
 *
 * @param series With the values that the model was trained with, in this order.
 * @param normalizer The scale of that training.
 * @returns [horizon, targets], or with quantiles behind in rising order, in units of the series.
 */
export async function forecastNext(
  model: Forecaster,
  series: Series,
  normalizer: Normalizer,
): Promise<Float32Array<ArrayBuffer>> {
  const { window, inputSize, targets, quantiles } = model.config
  const steps = series.shape[0] ?? 0
  if (series.names.length !== inputSize || normalizer.shift.length !== inputSize)
    fail('forecastNext', `a step has ${series.names.length} values`, `the model and its scale know ${inputSize}`)
  if (steps < window)
    fail('forecastNext', `the series has ${steps} steps`, `a forecast sees ${window}: give at least as many`)
  const seen = normalizer.apply(forwardFill(series).data.subarray((steps - window) * inputSize))
  const training = model.training
  model.eval()
  try {
    const x = tensor(seen, { shape: [1, window, inputSize] })
    const made = Float32Array.from(await noGrad(() => model.forward(x)).data())
    const levels = Math.max(1, quantiles.length)
    return unscaled(normalizer, targets, uncrossed(made, levels), levels)
  } finally {
    if (training) model.train()
  }
}

/** What comes out of a model, batch after batch. */
function collector(): Metric & { values(): Float32Array<ArrayBuffer> } {
  const parts: Float32Array[] = []
  return {
    reset: () => void parts.splice(0),
    update: ({ data }) => void parts.push(Float32Array.from(data)),
    compute: () => parts.length,
    values() {
      const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0))
      let at = 0
      for (const part of parts) {
        whole.set(part, at)
        at += part.length
      }
      return whole
    },
  }
}

/** The targets of each window: [windows, horizon, targets], NaN where one is missing. */
export function windowTargets(windows: SeriesWindows): Float32Array<ArrayBuffer> {
  return eachTarget(windows, (step, k) => windows.target(step, k))
}

/**
 * The forecast that each value is that of one season before, and of as many seasons as it takes to be known (seasonal naive; persistence
 * where a season is one step). A value that is missing there is the last one before it.
 *
 * @param season Steps of a season; 1 unless given.
 * @returns [windows, horizon, targets]
 */
export function naiveForecast(windows: SeriesWindows, season = 1): Float32Array<ArrayBuffer> {
  if (!(Number.isInteger(season) && season > 0))
    fail('naiveForecast', `season is ${season}`, 'it must be a whole number of steps above 0')
  return eachTarget(windows, (step, k, ahead) => {
    const seasons = Math.floor(ahead / season) + 1
    // Before the first season there is but the last value.
    let from = step - seasons * season
    if (from < 0) from = step - ahead - 1
    while (from > 0 && Number.isNaN(windows.target(from, k))) from--
    const value = windows.target(from, k)
    return Number.isNaN(value) ? 0 : value
  })
}

function eachTarget(
  { length, from, horizon, targets }: SeriesWindows,
  value: (step: number, k: number, ahead: number) => number,
): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: length * horizon * targets }, (_, i) => {
    const ahead = Math.floor(i / targets) % horizon
    return value(from + Math.floor(i / targets / horizon) + ahead, i % targets, ahead)
  })
}
