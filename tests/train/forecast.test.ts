import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { renderReport } from '../../scripts/report/report.ts'
import { Curve } from '../../scripts/train/common/curve.ts'
import type { TrainingParts } from '../../scripts/train/common/run.ts'
import { baselineRows, foldsOf } from '../../scripts/train/forecast-folds.ts'
import { baselinesOf, forecastTest, stepsOf, trainForecaster } from '../../scripts/train/forecast-model.ts'
import { type ForecastSettings, forecastCommandLine } from '../../scripts/train/forecast-options.ts'
import { forecastReport } from '../../scripts/train/forecast-report.ts'
import { errorTable, means, verdicts } from '../../scripts/train/forecast-table.ts'
import { random } from '../../src/data/index.ts'
import { type ForecastData, forecastData, forecastScores, windowTargets } from '../../src/models/index.ts'
import { type Device, openDevice } from '../../src/node.ts'
import { memoryStore } from '../../src/train/index.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

/** The settings that the flags give. */
function settingsOf(...flags: string[]): ForecastSettings {
  const command = forecastCommandLine().exitOverride()
  return command.parse(['--data', 'x.csv', '--target', 'a', ...flags], { from: 'user' }).opts()
}

/** A wave of which no linear function of four values tells where it turns: the product of two others, with noise. */
function drawnData(settings: ForecastSettings): ForecastData {
  const { uniform } = random(9)
  const rows = Array.from({ length: 400 }, (_, t) => [
    Math.sin(t / 3) * Math.sign(Math.sin(t / 11)) + 0.05 * (uniform() - 0.5),
    Math.sin(t / 11),
  ])
  const series = { data: Float32Array.from(rows.flat()), shape: [400, 2], names: ['a', 'b'] }
  const { window, horizon } = settings
  return forecastData(series, { targets: ['a'], window, horizon, test: 80 })
}

describe('a forecaster', () => {
  const settings = settingsOf(
    ...['--window', '4', '--horizon', '2', '--hidden', '8', '--quantiles', '0.1,0.5,0.9', '--residual', 'last'],
    ...['--cell', 'gru', '--epochs', '6', '--batch-size', '32', '--lr', '0.02', '--schedule', 'cosine'],
  )

  test('beats the last value, and goes on from a checkpoint with the same bits', async () => {
    const data = drawnData(settings)
    const { baselines, linear } = baselinesOf(data, { ...settings, season: 66 })
    expect(baselines.map(({ name }) => name)).toEqual(['persistence', 'seasonal naive', 'linear'])
    const curve = new Curve()
    const model = await trainForecaster(data, settings, { seed: 1, linear, parts: { callbacks: [curve], curve } })
    expect(curve.steps).toHaveLength(stepsOf(data, settings))
    const forecasts = await forecastTest(model, data)

    const store = memoryStore()
    const parts = (): TrainingParts => ({ callbacks: [], curve: new Curve(), checkpoint: { store } })
    // A schedule over six epochs, of which only the first two are taken at first.
    const stop = {
      onEpochEnd: ({ epoch }: { epoch: number }, run: { stop(why: string): void }) =>
        void (epoch === 2 && run.stop('')),
    }
    await trainForecaster(data, settings, { seed: 1, linear, parts: { ...parts(), callbacks: [stop] } })
    const resumed = await trainForecaster(data, settings, { seed: 1, linear, parts: parts() })
    expect((await forecastTest(resumed, data)).quantiles).toEqual(forecasts.quantiles)

    const truth = data.unscale(windowTargets(data.test))
    const error = (values: Float32Array): number =>
      forecastScores(values, truth, { horizon: 2, targets: 1 })[0]?.rmse ?? 0
    expect(error(forecasts.values)).toBeLessThan(0.9 * error(baselines[0]?.values ?? truth))

    const rows = [
      ...baselines.map(({ name, values }) => ({ name, errors: [[error(values)]] })),
      { name: 'GRU', errors: [[error(forecasts.values)]] },
    ]
    const results = [{ seed: 1, curve, forecasts, errors: [error(forecasts.values)] }]
    const told = verdicts(['a'], rows)
    const page = renderReport(forecastReport({ settings, data, baselines, rows, truth, results, told }))
    for (const title of ['Errors on the test', 'a, forecast and truth', 'Errors by step ahead', 'Quantiles', 'Loss'])
      expect(page).toContain(`<h2>${title}</h2>`)
    const { charts } = JSON.parse(/id="data">([\s\S]*?)<\/script>/.exec(page)?.[1] ?? '')
    expect(charts[0].series[0].values).toHaveLength(data.test.length)
    expect(charts[0].series[0].values[0]).toBeCloseTo(truth[0] as number, 4)
    expect(charts[0].bands).toEqual([[2, 3]])
  })

  test('that adds to a linear forecast starts as that one', async () => {
    const linearly = { ...settings, residual: 'linear' as const, quantiles: [], lr: 1e-9, epochs: 1 }
    const data = drawnData(linearly)
    const { baselines, linear } = baselinesOf(data, linearly)
    const parts = { callbacks: [], curve: new Curve() }
    const model = await trainForecaster(data, linearly, { seed: 1, linear, parts })
    const shift = await model.head.bias?.data()
    const { values } = await forecastTest(model, data)
    const [scale = 1] = data.normalizer.scale
    values.forEach((value, i) => {
      const base = (baselines.at(-1)?.values[i] ?? 0) + scale * (shift?.[i % 2] ?? 0)
      expect(value).toBeCloseTo(base, 3)
    })
  })
})

test('walking forward, each block comes behind all that it is trained on, and errors are those of all blocks', () => {
  const settings = { ...settingsOf('--window', '2', '--folds', '3', '--test', '10'), test: 10 }
  const series = { data: Float32Array.from({ length: 60 }, (_, t) => (t * t) % 17), shape: [60, 1], names: ['a'] }
  const folds = foldsOf(series, settings)
  expect(folds.map(({ data }) => [data.train.length, data.test.from, data.test.length])).toEqual([
    [28, 30, 10],
    [38, 40, 10],
    [48, 50, 10],
  ])
  const [persistence] = baselineRows(folds)
  const errors = Array.from({ length: 30 }, (_, i) => (series.data[30 + i] ?? 0) - (series.data[29 + i] ?? 0))
  const expected = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / 30)
  expect(persistence?.name).toBe('persistence')
  expect(persistence?.errors[0]?.[0]).toBeCloseTo(expected, 4)
})

test('a linear forecast is left out where too few windows have their target', () => {
  const settings = settingsOf('--window', '3')
  const linearOf = (every: number): unknown => {
    const data = Float32Array.from({ length: 60 }, (_, t) => (t % every ? Number.NaN : Math.sin(t)))
    const series = { data, shape: [60, 1], names: ['a'] }
    return baselinesOf(forecastData(series, { targets: ['a'], window: 3, test: 20 }), settings).linear
  }
  expect(linearOf(1)).not.toBe(null)
  // 37 windows to train on, of which 4 have a value to forecast.
  expect(linearOf(10)).toBe(null)
})

test('a season longer than the series before the test is refused', () => {
  const series = { data: Float32Array.from({ length: 60 }, (_, t) => t % 17), shape: [60, 1], names: ['a'] }
  const of = (season: string) => () =>
    foldsOf(series, { ...settingsOf('--window', '2', '--folds', '2', '--season', season), test: 10 })
  expect(of('40')()).toHaveLength(2)
  expect(of('41')).toThrow(
    'forecast: --season is 41, and 40 rows come before those to test with; give a shorter one, or leave it out',
  )
})

test('a table of errors says which way wins', () => {
  const rows = [
    { name: 'persistence', errors: [[2, 10]] },
    { name: 'linear', errors: [[1.5, 8]] },
    {
      name: 'LSTM',
      errors: [
        [1.2, 8.8],
        [1.4, 8.8],
      ],
    },
  ]
  expect(means(rows[2]?.errors ?? [])).toEqual([1.2999999999999998, 8.8])
  expect(errorTable(['warm', 'dust'], rows).map((row) => row.join(' | '))).toMatchInlineSnapshot(`
    [
      "RMSE        |                 warm |                 dust",
      "persistence |               2.0000 |              10.0000",
      "linear      |               1.5000 |               8.0000",
      "LSTM        | 1.3000 +- 0.1414 (2) | 8.8000 +- 0.0000 (2)",
    ]
  `)
  expect(verdicts(['warm', 'dust'], rows)).toMatchInlineSnapshot(`
    [
      "warm: the LSTM is 13.3 % better than the best baseline (linear).",
      "dust: the linear forecast wins; the LSTM is 10.0 % worse, so take the simpler one.",
    ]
  `)
  const exact = { name: 'persistence', errors: [[0]] }
  expect(verdicts(['flat'], [exact, { name: 'LSTM', errors: [[0.1]] }])).toEqual([
    'flat: the persistence forecast is exact, so take it.',
  ])
})

test('flags are held to their rules', () => {
  const messageOf = (...flags: string[]): string => {
    const command = forecastCommandLine()
      .exitOverride()
      .configureOutput({ writeErr: () => undefined })
    try {
      command.parse(flags, { from: 'user' })
      return 'nothing thrown'
    } catch (error) {
      return (error as Error).message
    }
  }
  expect([
    messageOf('--data', 'x'),
    messageOf('--data', 'x', '--target', 'a', '--quantiles', '0.5,0.2'),
    messageOf('--data', 'x', '--target', 'a', '--cycles', 'hour'),
    messageOf('--data', 'x', '--target', 'a', '--cell', 'cnn'),
  ]).toMatchInlineSnapshot(`
    [
      "error: required option '--target <names>' not specified",
      "error: option '--quantiles <levels>' argument '0.5,0.2' is invalid. They must rise, between 0 and 1.",
      "error: option '--cycles <pairs>' argument 'hour' is invalid. It must be a number above 0.",
      "error: option '--cell <kind>' argument 'cnn' is invalid. Allowed choices are lstm, gru, rnn.",
    ]
  `)
  expect(settingsOf('--cycles', 'hour:24,month:12').cycles).toEqual({ hour: 24, month: 12 })
})
