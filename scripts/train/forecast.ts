import type { Command } from 'commander'
import { readSeries, type Series } from '../../src/data/index.ts'
import type { ForecastData } from '../../src/models/index.ts'
import { digestOf } from './common/digest.ts'
import { readNamed } from './common/read-named.ts'
import { TrainRun } from './common/run.ts'
import { baselineRows, errorsOf, type ForecastFold, foldsOf } from './forecast-folds.ts'
import { forecastTest, stepsOf, trainForecaster } from './forecast-model.ts'
import { type ForecastOptions, type ForecastSettings, forecastCommandLine } from './forecast-options.ts'
import { forecastReport, type SeedResult } from './forecast-report.ts'
import { seriesOptions } from './forecast-series.ts'
import { errorTable, means, verdicts } from './forecast-table.ts'

/** `forecast`: recurrent networks that forecast series. */
export function forecastCommand(): Command {
  return forecastCommandLine().action(forecast)
}

async function forecast(options: ForecastOptions): Promise<void> {
  const { seeds, firstSeed, target, atMost = [] } = options
  const twice = target.find((name, i) => target.indexOf(name) < i)
  if (twice !== undefined) throw new Error(`forecast: --target names ${twice} twice; name each column once`)
  if (atMost.length > target.length)
    throw new Error(
      `forecast: --at-most has ${atMost.length} errors and --target ${target.length} columns; give one for each column at most`,
    )
  const { settings, folds, digest } = await readFolds(options)
  const last = folds.at(-1) as ForecastFold
  const run = await TrainRun.open({
    system: 'forecast',
    options,
    settings: { data: digest, ...keptSettings(settings, last.data) },
    steps: seeds * folds.reduce((sum, { data }) => sum + stepsOf(data, settings), 0),
  })
  try {
    for (const { data } of folds)
      run.line(
        `Series: ${data.names.length} values a row, ${data.train.length} windows to train on, ${data.test.length} to test with`,
      )
    const results: SeedResult[] = []
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const result = await trainFolds(run, { folds, settings, seed, epochs: seeds === 1 })
      results.push(result)
      run.line(`seed ${seed}: RMSE ${target.map((name, k) => `${name} ${result.errors[k]?.toFixed(4)}`).join(', ')}`)
    }
    const name = settings.cell.toUpperCase()
    const rows = [...baselineRows(folds), { name, errors: results.map((result) => result.errors) }]
    const told = verdicts(target, rows)
    for (const line of ['', ...errorTable(target, rows).map((cells) => cells.join('  ')), '', ...told]) run.line(line)
    run.line(`Done in ${run.seconds.toFixed(0)} s`)
    await run.report(() => forecastReport({ settings, ...last, rows, results, told }))
    const reached = means(results.map((result) => result.errors))
    for (const [k, limit] of atMost.entries())
      if (!((reached[k] as number) <= limit))
        throw new Error(`forecast: RMSE of ${target[k]} is ${reached[k]?.toFixed(4)}; at most ${limit} was asked for`)
  } finally {
    run.close()
  }
}

interface FoldsRun {
  readonly folds: readonly ForecastFold[]
  readonly settings: ForecastSettings
  readonly seed: number
  /** Whether to print a line for each epoch. */
  readonly epochs: boolean
}

/** Trains for each fold; the curve and the forecasts of the last one stay. */
async function trainFolds(run: TrainRun, { folds, settings, seed, epochs }: FoldsRun): Promise<SeedResult> {
  const made: Float32Array[] = []
  let last: Pick<SeedResult, 'curve' | 'forecasts'> | null = null
  for (const [i, { data, linear }] of folds.entries()) {
    const isLast = i === folds.length - 1
    const title = folds.length === 1 ? `seed ${seed}` : `seed ${seed}, block ${i + 1} of ${folds.length}`
    const parts = run.training(title, { name: isLast ? `seed-${seed}` : `seed-${seed}-block-${i}`, epochs })
    const model = await trainForecaster(data, settings, { seed, linear, parts })
    const forecasts = await forecastTest(model, data)
    made.push(forecasts.values)
    last = { curve: parts.curve, forecasts }
  }
  if (!last) throw new Error('forecast: there is no block to test with')
  return { seed, ...last, errors: errorsOf(folds, made) }
}

/** Reads the series that the options name, and cuts it; `digest` is the checksum of its file. */
async function readFolds(
  options: ForecastOptions,
): Promise<{ settings: ForecastSettings; folds: ForecastFold[]; digest: string }> {
  const csv = await readNamed('forecast', options.data, '--data names a CSV file')
  const series = readSeries(csv, seriesOptions(options))
  const settings = { ...options, test: options.test ?? Math.floor(lengthOf(series) / (5 * options.folds)) }
  return { settings, folds: foldsOf(series, settings), digest: digestOf(csv) }
}

function lengthOf({ shape }: Series): number {
  return shape[0] ?? 0
}

/** What predicting needs to know, and what must be the same to go on. */
function keptSettings(settings: ForecastSettings, { names, normalizer }: ForecastData): Record<string, unknown> {
  const { target, columns, cycles, window, horizon, test, folds, leaveOut, cell, hidden, layers, dropout, residual } =
    settings
  const { quantiles, epochs, batchSize, lr, schedule, clip } = settings
  return {
    ...{ target, columns, cycles, window, horizon, test, folds, leaveOut, cell, hidden, layers, dropout, residual },
    ...{ quantiles, epochs, batchSize, lr, schedule, clip, names },
    ...{ shift: normalizer.shift, scale: normalizer.scale },
  }
}
