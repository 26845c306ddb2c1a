import type { Caller } from 'wgrad/train'
import { element, make } from '../common/elements.ts'
import { fileButton } from '../common/file-button.ts'
import { fileDrop } from '../common/file-drop.ts'
import { settingsForm } from '../common/settings-form.ts'
import { stepView } from '../common/step-view.ts'
import { type TrainerPage, trainerPage } from '../common/trainer-page.ts'
import { forecastChart } from './forecast-chart.ts'
import type { Calls, Events, SeriesSource, Settings } from './protocol.ts'

const showSteps = stepView()
const chart = forecastChart()
const form = settingsForm<Settings>({
  defaults: {
    ...{ series: 'weather', target: '', cell: 'lstm', window: '30', horizon: '7' },
    ...{ hidden: '32', learningRate: '0.003', epochs: '30' },
  },
  goal: 'epochs',
  settings: ({ series, target = '', cell, window, horizon, hidden, learningRate }) => ({
    series: series as SeriesSource,
    target: target.trim(),
    cell: cell as Settings['cell'],
    window: Number(window),
    horizon: Number(horizon),
    hidden: Number(hidden),
    learningRate: Number(learningRate),
  }),
})

const page: TrainerPage<Settings, Calls, Events> = trainerPage<Settings, null, Calls, Events>({
  worker: () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  form,
  address: null,
  fileName: ({ series, cell }) => `forecast-${series}-${cell}.safetensors`,
  listen,
})

fileButton('choose', 'csv', ([chosen]) => page.attempt(() => giveFile(chosen)))
fileDrop(document, (dropped) => page.attempt(() => giveFile(dropped)))

/** Makes a CSV file what is forecast next; its last column of numbers, unless another is chosen. */
async function giveFile(file: File): Promise<void> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  const { columns, rows } = await page.caller().call('file', bytes, { transfer: [bytes.buffer] })
  const { settings, goal } = form.read()
  form.write({ ...settings, series: 'file', target: columns.at(-1) ?? '' }, goal)
  showColumns(columns)
  const says = `${file.name}: ${rows.toLocaleString('en')} rows of ${columns.join(', ')}.`
  element('source', HTMLElement).textContent = `${says} Choose a column, then “Train” or “Start anew”.`
}

function showColumns(columns: readonly string[]): void {
  const options = columns.map((name) => {
    const option = make('option')
    option.value = name
    return option
  })
  element('columns', HTMLDataListElement).replaceChildren(...options)
}

function listen(from: Caller<Calls, Events>): void {
  from.on('series', ({ source, columns }) => {
    element('source', HTMLElement).textContent = `In use: ${source}`
    showColumns(columns)
  })
  from.on('steps', (event) => showSteps(page.view, event))
  from.on('forecast', (forecast) => {
    page.view.fact('error', forecast.rmse.toPrecision(3))
    chart.set(forecast)
    showRivals(forecast)
  })
}

/** Says how the network compares, and when it is not worth it. */
function showRivals({ target, rmse, rivals, covered }: Events['forecast']): void {
  const rows = [{ name: 'the network', rmse }, ...rivals].map((rival) => {
    const row = make('li')
    row.append(make('span', { text: rival.name }), make('b', { text: rival.rmse.toPrecision(4) }))
    return row
  })
  element('rivals', HTMLUListElement).replaceChildren(...rows)
  const best = rivals.reduce((least, rival) => (rival.rmse < least.rmse ? rival : least))
  const margin = `${(100 * Math.abs(1 - rmse / best.rmse)).toFixed(1)} %`
  element('verdict', HTMLElement).textContent =
    rmse < best.rmse
      ? `The network forecasts ${target} ${margin} better than the best of the simple ways (${best.name}).`
      : `The simple way (${best.name}) is ahead: the network is ${margin} worse at ${target}.`
  element('covered', HTMLElement).textContent =
    `The band is to hold 80 % of the truth; on the test it holds ${Math.round(100 * covered)} %.`
}
