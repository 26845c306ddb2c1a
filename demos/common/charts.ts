import uPlot from 'uplot'
import { element, onceAFrame } from './elements.ts'
import { logRange } from './log-range.ts'

/** A curve over the steps. */
export interface Chart {
  set(x: ArrayLike<number>, y: ArrayLike<number>): void
}

interface Look {
  readonly id: string
  /** What is drawn, for those who do not see it. */
  readonly name: string
  readonly format: (value: number) => string
  readonly scale: uPlot.Scale
  readonly isDotted: boolean
}

/** Loss by step, logarithmic: it goes on falling long after it is small. */
export function lossChart(): Chart {
  return chart({
    id: 'loss-chart',
    name: 'Loss by step',
    format: (value) => String(Number(value.toPrecision(2))),
    scale: { distr: 3, range: (_, low, high) => logRange(low, high) },
    isDotted: true,
  })
}

/** A share by step, in percent. */
export function percentChart(id: string, name: string): Chart {
  return chart({
    id,
    name,
    format: (value) => `${Number(value.toFixed(1))}`,
    scale: { range: () => [0, 100] },
    isDotted: false,
  })
}

function chart(look: Look): Chart {
  const place = element(look.id, HTMLElement)
  const dark = matchMedia('(prefers-color-scheme: dark)')
  let data: [number[], number[]] = [[], []]
  let plot: uPlot | null = null

  const size = (): { width: number; height: number } => ({ width: place.clientWidth, height: place.clientHeight })
  const build = (): void => {
    plot?.destroy()
    plot = new uPlot({ ...size(), ...options(look) }, data, place)
  }
  const draw = onceAFrame(() => plot?.setData(data))
  build()
  dark.addEventListener('change', build)
  new ResizeObserver(onceAFrame(() => plot?.setSize(size()))).observe(place)
  return {
    set(x, y) {
      data = [Array.from(x), Array.from(y)]
      const [from, to] = [data[1][0], data[1].at(-1)]
      const course =
        from === undefined || to === undefined ? 'none yet' : `from ${look.format(from)} to ${look.format(to)}`
      place.setAttribute('aria-label', `${look.name}: ${course}`)
      draw()
    },
  }
}

/** A colour of the page, by the name of its property. */
export function colourOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

/** How the axes of all charts look. */
export function axisLook(): uPlot.Axis {
  return {
    stroke: colourOf('--soft'),
    grid: { stroke: colourOf('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  }
}

function options({ format, scale, isDotted }: Look): Omit<uPlot.Options, 'width' | 'height'> {
  const axis = axisLook()
  const accent = colourOf('--accent')
  return {
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 12, 0, 0],
    scales: { x: { time: false, range: (_, _low, high) => [0, high > 0 ? high : 100] }, y: scale },
    axes: [
      { ...axis, size: 26, gap: 4, space: 60, values: (_, at) => at.map((value) => value.toLocaleString('en')) },
      {
        ...axis,
        size: 40,
        gap: 4,
        space: 30,
        values: (_, at) => at.map((value) => (value === null ? '' : format(value))),
      },
    ],
    series: [
      {},
      isDotted
        ? { stroke: accent, width: 0, paths: () => null, points: { show: true, size: 4, width: 0, fill: accent } }
        : { stroke: accent, width: 2, points: { show: true, size: 5, width: 0, fill: accent } },
    ],
  }
}
