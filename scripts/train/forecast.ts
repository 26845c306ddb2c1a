import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { readSeries, type Series } from '../../src/data/index.ts'
import { type ForecastData, forecastData, forecastScores, windowTargets } from '../../src/models/index.ts'
import { TrainRun } from './common/run.ts'
import { baselinesOf, forecastTest, stepsOf, trainForecaster } from './forecast-model.ts'
import { type ForecastOptions, type ForecastSettings, forecastCommandLine } from './forecast-options.ts'
import { forecastReport, type SeedResult } from './forecast-report.ts'
import { seriesOptions } from './forecast-series.ts'
import { errorTable, means, verdicts } from './forecast-table.ts'

/** `forecast`: recurrent networks that forecast series. */
export function forecastCommand(): Command {
  return forecastCommandLine().action(forecast)
}

async function forecast(options: ForecastOptions): Promise<void> {
  const { settings, data } = await readForecastData(options)
  const { seeds, firstSeed, target, horizon } = options
  const run = await TrainRun.open({
    system: 'forecast',
    options,
    settings: keptSettings(settings, data),
    steps: seeds * stepsOf(data, settings),
  })
  try {
    run.line(
      `Series: ${data.names.length} values a row, ${data.train.length} windows to train on, ${data.test.length} to test with`,
    )
    const { baselines, linear } = baselinesOf(data, settings)
    const truth = data.unscale(windowTargets(data.test))
    const errors = (values: Float32Array): number[] =>
      forecastScores(values, truth, { horizon, targets: target.length }).map(({ rmse }) => rmse)
    const others = baselines.map(({ name, values }) => ({ name, errors: [errors(values)] }))
    const results: SeedResult[] = []
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const parts = run.training(`seed ${seed}`, { name: `seed-${seed}`, epochs: seeds === 1 })
      const model = await trainForecaster(data, settings, { seed, linear, parts })
      const forecasts = await forecastTest(model, data)
      results.push({ seed, curve: parts.curve, forecasts, errors: errors(forecasts.values) })
      run.line(
        `seed ${seed}: RMSE ${target.map((name, k) => `${name} ${results.at(-1)?.errors[k]?.toFixed(4)}`).join(', ')}`,
      )
    }
    const rows = [...others, { name: settings.cell.toUpperCase(), errors: results.map((result) => result.errors) }]
    const told = verdicts(target, rows)
    for (const line of ['', ...errorTable(target, rows).map((cells) => cells.join('  ')), '', ...told]) run.line(line)
    run.line(`Done in ${run.seconds.toFixed(0)} s`)
    await run.report(() => forecastReport({ settings, data, baselines, rows, truth, results, told }))
    const reached = means(results.map((result) => result.errors))
    for (const [k, limit] of (options.atMost ?? []).entries())
      if (!((reached[k] as number) <= limit))
        throw new Error(`forecast: RMSE of ${target[k]} is ${reached[k]?.toFixed(4)}; at most ${limit} was asked for`)
  } finally {
    run.close()
  }
}

/** Reads the series that the options name, and cuts it. */
async function readForecastData(options: ForecastOptions): Promise<{ settings: ForecastSettings; data: ForecastData }> {
  const { data: file, target, columns, cycles, window, horizon, leaveOut, ...rest } = options
  const csv = await readFile(file).catch((cause: Error) => {
    throw new Error(`forecast: ${file} cannot be read (${cause.message}); --data names a CSV file`, { cause })
  })
  const series = readSeries(csv, seriesOptions(options))
  const test = options.test ?? Math.floor(lengthOf(series) / 5)
  const settings = {
    ...rest,
    target,
    ...(columns && { columns }),
    ...(cycles && { cycles }),
    window,
    horizon,
    leaveOut,
    test,
  }
  return { settings, data: forecastData(series, { targets: target, window, horizon, test, leaveOut }) }
}

function lengthOf({ shape }: Series): number {
  return shape[0] ?? 0
}

/** What predicting needs to know, and what must be the same to go on. */
function keptSettings(settings: ForecastSettings, { names, normalizer }: ForecastData): Record<string, unknown> {
  const { target, columns, cycles, window, horizon, test, leaveOut, cell, hidden, layers, dropout, residual } = settings
  const { quantiles, epochs, batchSize, lr, schedule, clip } = settings
  return {
    ...{ target, columns, cycles, window, horizon, test, leaveOut, cell, hidden, layers, dropout, residual },
    ...{ quantiles, epochs, batchSize, lr, schedule, clip, names },
    ...{ shift: normalizer.shift, scale: normalizer.scale },
  }
}
