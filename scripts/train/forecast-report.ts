import { type ForecastData, forecastScores, quantileScores } from '../../src/models/index.ts'
import { lossSection, type Report, type Section } from '../report/report.ts'
import type { Curve } from './common/curve.ts'
import type { Baseline, Forecasts } from './forecast-model.ts'
import type { ForecastSettings } from './forecast-options.ts'
import { type ErrorRow, errorTable, means } from './forecast-table.ts'

/** What the training with one seed came to. */
export interface SeedResult {
  readonly seed: number
  readonly curve: Curve
  readonly forecasts: Forecasts
  /** Root mean squared error of each target. */
  readonly errors: readonly number[]
}

/** All that the report shows. */
export interface ForecastOutcome {
  readonly settings: ForecastSettings
  readonly data: ForecastData
  readonly baselines: readonly Baseline[]
  readonly rows: readonly ErrorRow[]
  /** [windows, horizon, targets] */
  readonly truth: Float32Array
  readonly results: readonly SeedResult[]
  readonly told: readonly string[]
}

/** Rows of the test that are drawn: the last ones. */
const drawn = 400

/** A page on how the forecasts compare; forecasts and losses are those of the first seed, and of the last block. */
export function forecastReport(outcome: ForecastOutcome): Report {
  const { settings, data, rows, results, told } = outcome
  const { target, window, horizon, cell, hidden, epochs } = settings
  const { curve } = results[0] as SeedResult
  return {
    title: 'wgrad: forecasts of a series',
    headline: `Forecasts of ${target.join(', ')}`,
    subline: told.join(' '),
    facts: [
      [
        'RMSE',
        means(results.map(({ errors }) => errors))
          .map((error) => error.toPrecision(4))
          .join(', '),
      ],
      ['network', `${cell.toUpperCase()} of ${hidden}`],
      ['sees', `${window} rows of ${data.names.length} values`],
      ['forecasts', `${horizon} ${horizon === 1 ? 'row' : 'rows'}`],
      ['windows to train on', data.train.length.toLocaleString('en')],
      ['windows to test with', data.test.length.toLocaleString('en')],
      ['epochs', String(epochs)],
    ],
    sections: [
      {
        title: 'Errors on the test',
        note: 'Root of the mean squared error, in units of the series; with several seeds mean and deviation.',
        table: tableOf(errorTable(target, rows)),
      },
      ...target.map((name, k) => forecastSection(name, k, outcome)),
      ...(horizon > 1 ? [horizonSection(outcome)] : []),
      ...(settings.quantiles.length > 0 ? [quantileSection(outcome)] : []),
      lossSection(curve.steps, curve.losses),
    ],
  }
}

/** Forecast against truth: the first step of the horizon, each from all that was measured before. */
function forecastSection(name: string, k: number, { settings, data, truth, results }: ForecastOutcome): Section {
  const { horizon, target, quantiles } = settings
  const { values, quantiles: band } = (results[0] as SeedResult).forecasts
  const count = Math.min(drawn, data.test.length)
  const rows = Array.from({ length: count }, (_, i) => data.test.length - count + i)
  const place = (row: number): number => row * horizon * target.length + k
  const pick = (of: Float32Array, at: (row: number) => number): (number | null)[] =>
    rows.map((row) => {
      const value = of[at(row)] as number
      return Number.isNaN(value) ? null : Number(value.toPrecision(6))
    })
  const level = (at: number): (number | null)[] => (band ? pick(band, (row) => place(row) * quantiles.length + at) : [])
  return {
    title: `${name}, forecast and truth`,
    note: `The last ${count} rows, each forecast from the rows before it.`,
    chart: {
      label: `${name}: forecasts of the last ${count} rows beside the truth`,
      x: { name: 'row', values: rows.map((row) => data.test.from + row) },
      series: [
        { name: 'truth', values: pick(truth, place), color: 'soft' },
        { name: 'forecast', values: pick(values, place), color: 'accent' },
        ...(band
          ? [
              { name: `level ${quantiles.at(-1)}`, values: level(quantiles.length - 1), color: 'faint' as const },
              { name: `level ${quantiles[0]}`, values: level(0), color: 'faint' as const },
            ]
          : []),
      ],
      ...(band && { bands: [[2, 3]] as const }),
    },
  }
}

/** Errors of each step of the horizon. */
function horizonSection({ settings, baselines, truth, results }: ForecastOutcome): Section {
  const { target, horizon, cell } = settings
  const layout = { horizon, targets: target.length }
  const ways = [...baselines, { name: cell.toUpperCase(), values: (results[0] as SeedResult).forecasts.values }]
  const scored = ways.map(({ name, values }) => ({ name, scores: forecastScores(values, truth, layout) }))
  return {
    title: 'Errors by step ahead',
    table: {
      head: ['step', ...scored.flatMap(({ name }) => target.map((each) => `${name}, ${each}`))],
      rows: Array.from({ length: horizon }, (_, ahead) => [
        String(ahead + 1),
        ...scored.flatMap(({ scores }) => scores.map(({ rmseByStep }) => rmseByStep[ahead]?.toFixed(4) ?? '')),
      ]),
    },
  }
}

/** How often the truth lies below each level. */
function quantileSection({ settings, truth, results }: ForecastOutcome): Section {
  const { target, quantiles } = settings
  const forecasts = (results[0] as SeedResult).forecasts.quantiles as Float32Array
  const scores = quantileScores(forecasts, truth, { targets: target.length, quantiles })
  return {
    title: 'Quantiles',
    note: 'Which share of the truth lies below the forecast of each level: the level itself, where it is right.',
    table: {
      head: ['target', 'pinball loss', ...quantiles.map((level) => `below ${level}`)],
      rows: scores.map(({ pinball, below }, k) => [
        target[k] as string,
        pinball.toFixed(4),
        ...below.map((share) => share.toFixed(3)),
      ]),
    },
  }
}

function tableOf([head = [], ...rows]: string[][]): NonNullable<Section['table']> {
  const trimmed = (row: readonly string[]): string[] => row.map((cell) => cell.trim())
  return { head: trimmed(head), rows: rows.map(trimmed) }
}
