import uPlot from 'uplot'
import { axisLook, colourOf } from '../common/charts.ts'
import { element, onceAFrame } from '../common/elements.ts'
import type { Events } from './protocol.ts'

type Forecast = Events['forecast']

/** The chart of the forecast beside the truth, with a band in which most of the truth is to lie. */
export function forecastChart(): { set(forecast: Forecast): void } {
  const place = element('forecast-chart', HTMLElement)
  let data: uPlot.AlignedData = [[], [], [], [], []]
  let plot: uPlot | null = null
  const size = (): { width: number; height: number } => ({ width: place.clientWidth, height: place.clientHeight })
  const build = (): void => {
    plot?.destroy()
    plot = new uPlot({ ...size(), ...options() }, data, place)
  }
  const draw = onceAFrame(() => plot?.setData(data))
  build()
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', build)
  new ResizeObserver(onceAFrame(() => plot?.setSize(size()))).observe(place)
  return {
    set({ target, rows, truth, low, middle, high }) {
      const drawn = [high, low, middle, truth].map((values) => Array.from(values, (v) => (Number.isNaN(v) ? null : v)))
      data = [Array.from(rows), ...drawn] as uPlot.AlignedData
      const last = middle.at(-1) ?? Number.NaN
      place.setAttribute(
        'aria-label',
        `${target}, rows ${rows[0]} to ${rows.at(-1)}: truth and forecast, which ends at ${last.toPrecision(3)}`,
      )
      draw()
    },
  }
}

function options(): Omit<uPlot.Options, 'width' | 'height'> {
  const edge: uPlot.Series = { stroke: 'transparent', points: { show: false } }
  return {
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 12, 0, 0],
    scales: { x: { time: false } },
    axes: [
      { ...axisLook(), size: 26, gap: 4, space: 60 },
      { ...axisLook(), size: 48, gap: 4, space: 30 },
    ],
    series: [
      {},
      edge,
      edge,
      { stroke: colourOf('--accent'), width: 2, points: { show: false } },
      { stroke: colourOf('--ink'), width: 1, points: { show: false } },
    ],
    bands: [{ series: [1, 2], fill: `color-mix(in srgb, ${colourOf('--accent')} 20%, transparent)` }],
  }
}
