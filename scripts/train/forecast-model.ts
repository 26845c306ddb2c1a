import { DataLoader, type Series } from '../../src/data/index.ts'
import { manualSeed, type Tensor } from '../../src/index.ts'
import {
  type ForecastData,
  Forecaster,
  fitLinear,
  forecastWindows,
  type LinearForecast,
  levelOf,
  maskedMseLoss,
  naiveForecast,
  pinballLoss,
  uncrossed,
  windowTargets,
} from '../../src/models/index.ts'
import { Adam, clipNorm, cosineAnnealingLR, LRScheduler } from '../../src/optim/index.ts'
import { fit } from '../../src/train/index.ts'
import type { TrainingParts } from './common/run.ts'
import type { ForecastSettings } from './forecast-options.ts'

/** Forecasts of all test windows, in units of the series. */
export interface Forecasts {
  /** [windows, horizon, targets] */
  readonly values: Float32Array<ArrayBuffer>
  /** [windows, horizon, targets, quantiles], where quantiles were asked for. */
  readonly quantiles: Float32Array<ArrayBuffer> | null
}

/** A forecaster for a series, with fresh weights. */
export function makeForecaster(settings: ForecastSettings, series: Pick<Series, 'names'>): Forecaster {
  const { target, window, horizon, cell, hidden, layers, dropout, residual, quantiles } = settings
  return new Forecaster({
    inputSize: series.names.length,
    targets: target.map((name) => series.names.indexOf(name)),
    ...{ window, horizon, cell, hiddenSize: hidden, numLayers: layers, dropout, residual, quantiles },
  })
}

/** Steps of one training. */
export function stepsOf(data: ForecastData, { epochs, batchSize }: ForecastSettings): number {
  return epochs * Math.ceil(data.train.length / batchSize)
}

/** Trains a forecaster; the same seed gives the same one. */
export async function trainForecaster(
  data: ForecastData,
  settings: ForecastSettings,
  {
    seed,
    linear,
    parts,
  }: { readonly seed: number; readonly linear: LinearForecast | null; readonly parts: TrainingParts },
): Promise<Forecaster> {
  const { epochs, batchSize, lr, clip, schedule, residual, quantiles } = settings
  manualSeed(seed)
  const model = makeForecaster(settings, data)
  if (residual === 'linear') {
    if (!linear)
      throw new Error(
        `forecast: ${data.train.length} windows are too few for a linear forecast of ${data.train.window * data.train.features} inputs; take --residual last, or a shorter --window`,
      )
    model.setLinear(linear)
  }
  const optimizer = new Adam(model.parameters(), { lr })
  optimizer.clip = clipNorm(clip)
  const loss = (output: Tensor, { y, present }: Readonly<Record<'x' | 'y' | 'present', Tensor>>): Tensor =>
    quantiles.length > 0 ? pinballLoss(output, y, present, quantiles) : maskedMseLoss(output, y, present)
  await fit(model, new DataLoader(data.train, { batchSize, shuffle: true, seed }), {
    loss,
    optimizer,
    epochs,
    ...(schedule === 'cosine' && { scheduler: new LRScheduler(optimizer, cosineAnnealingLR(stepsOf(data, settings))) }),
    callbacks: parts.callbacks,
    ...(parts.checkpoint && { checkpoint: parts.checkpoint }),
  })
  return model
}

/** Forecasts of the test windows; the values of quantiles are those of the level next to one half. */
export async function forecastTest(model: Forecaster, data: ForecastData): Promise<Forecasts> {
  const { quantiles: levels } = model.config
  const made = await forecastWindows(model, data.test)
  if (levels.length === 0) return { values: data.unscale(made), quantiles: null }
  const quantiles = data.unscale(uncrossed(made, levels.length), levels.length)
  const distances = levels.map((level) => Math.abs(level - 0.5))
  const middle = distances.indexOf(Math.min(...distances))
  return { values: levelOf(quantiles, middle, levels.length), quantiles }
}

/** A forecast that asks for no network. */
export interface Baseline {
  readonly name: string
  readonly values: Float32Array<ArrayBuffer>
}

/** What any network must beat: persistence, the last season where there is one, and a linear autoregression. */
export function baselinesOf(
  data: ForecastData,
  { season }: ForecastSettings,
): { readonly baselines: readonly Baseline[]; readonly linear: LinearForecast | null } {
  const linear = hasEnough(data) ? fitLinear(data.train) : null
  const named: [string, Float32Array<ArrayBuffer>][] = [
    ['persistence', naiveForecast(data.test)],
    ...(season === undefined
      ? []
      : [['seasonal naive', naiveForecast(data.test, season)] as [string, Float32Array<ArrayBuffer>]]),
    ...(linear ? [['linear', linear.forecast(data.test)] as [string, Float32Array<ArrayBuffer>]] : []),
  ]
  return { baselines: named.map(([name, scaled]) => ({ name, values: data.unscale(scaled) })), linear }
}

/** A linear fit needs more windows than coefficients, for each value that it forecasts. */
function hasEnough({ train }: ForecastData): boolean {
  const outputs = train.horizon * train.targets
  const counts = new Array<number>(outputs).fill(0)
  for (const [i, value] of windowTargets(train).entries())
    if (!Number.isNaN(value)) counts[i % outputs] = (counts[i % outputs] ?? 0) + 1
  return Math.min(...counts) > 2 * train.window * train.features
}
