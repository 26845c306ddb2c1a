import chartJs from 'uplot/dist/uPlot.iife.min.js?raw'
import chartCss from 'uplot/dist/uPlot.min.css?raw'
import chartsJs from './charts.js?raw'
import { cells, escapeHtml, htmlTable, scriptJson } from './html.ts'
import page from './page.html?raw'

/** A curve of a chart; null where it has a gap. */
export interface Series {
  readonly name: string
  readonly values: readonly (number | null)[]
  readonly color: 'accent' | 'faint' | 'good' | 'bad' | 'soft'
  /** Points without a line between them. */
  readonly points?: boolean
}

/** Curves over one axis. */
export interface Chart {
  /** What the chart shows, for those who do not see it. */
  readonly label: string
  /** Values that rise; those of a 'time' are seconds since 1970 in UTC. */
  readonly x: { readonly name: string; readonly values: readonly number[]; readonly kind?: 'number' | 'time' }
  readonly y?: { readonly name?: string; readonly scale?: 'linear' | 'log' }
  readonly series: readonly Series[]
  /** The area between two series, by their places among them, is filled. */
  readonly bands?: readonly (readonly [upper: number, lower: number])[]
}

/** A card of the page; what is given of it, from top to bottom. */
export interface Section {
  readonly title: string
  readonly note?: string
  readonly chart?: Chart
  readonly table?: { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] }
  /** HTML, with all text in it escaped. */
  readonly html?: string
}

/** A page about a training. */
export interface Report {
  /** Of the browser's tab. */
  readonly title: string
  readonly headline: string
  readonly subline: string
  /** The first is the largest, the last has a line of its own. */
  readonly facts: readonly (readonly [name: string, value: string])[]
  readonly sections: readonly Section[]
  /** What a page of its own kind adds: styles, a script, and the data that the script finds as `report.own`. */
  readonly own?: { readonly css: string; readonly script: string; readonly data: unknown }
}

/** The report as one HTML file that needs no other file and no network. */
export function renderReport(report: Report): string {
  const { title, headline, subline, facts, sections, own } = report
  const slots: Record<string, string> = {
    'chart-css': chartCss,
    'chart-js': chartJs,
    'charts-js': chartsJs,
    css: own?.css ?? '',
    script: own?.script ?? '',
    title: escapeHtml(title),
    headline: escapeHtml(headline),
    subline: escapeHtml(subline),
    facts: facts
      .map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`)
      .join('\n'),
    sections: sections.map(sectionHtml).join('\n'),
    data: scriptJson({ charts: sections.flatMap(({ chart }) => chart ?? []), own: own?.data ?? null }),
  }
  // A replacer function, since replacement strings would give `$&` in the chart library a meaning.
  return page.replace(/\{\{([\w-]+)\}\}/g, (slot, name: string) => {
    const value = slots[name]
    if (value === undefined) throw new Error(`report: the page asks for ${slot}, which is not filled`)
    return value
  })
}

/** Losses by step, each reading and smoothed. */
export function lossSection(steps: readonly number[], losses: readonly number[]): Section {
  const range = `from ${losses[0]?.toFixed(3)} to ${losses.at(-1)?.toFixed(3)}`
  return {
    title: 'Loss',
    chart: {
      label: `Loss by step, ${range}`,
      x: { name: 'step', values: steps },
      // A logarithm needs losses above 0; likelihoods may be below.
      y: { scale: losses.every((loss) => loss > 0) ? 'log' : 'linear' },
      series: [
        { name: 'each reading', values: losses, color: 'faint' },
        { name: 'smoothed', values: smooth(losses), color: 'accent' },
      ],
    },
  }
}

function sectionHtml({ title, note, chart, table, html }: Section): string {
  return [
    `<section>\n<h2>${escapeHtml(title)}</h2>`,
    note && `<p>${escapeHtml(note)}</p>`,
    chart && chartHtml(chart),
    table && `<div class="scroll">${htmlTable(table.head, table.rows.map(cells))}</div>`,
    html,
    '</section>',
  ]
    .filter(Boolean)
    .join('\n')
}

function chartHtml({ label, series }: Chart): string {
  const legend = series.map(
    ({ name, color }) => `<span><i style="background:var(--${color})"></i>${escapeHtml(name)}</span>`,
  )
  return `<div class="legend">${legend.join('')}</div>\n<div class="chart" role="img" aria-label="${escapeHtml(label)}"></div>`
}

/** A running mean that follows the curve, with the start not dragged towards zero. */
function smooth(values: readonly number[]): number[] {
  const keep = 0.9
  let mean = 0
  return values.map((value, i) => {
    mean = keep * mean + (1 - keep) * value
    return Number((mean / (1 - keep ** (i + 1))).toPrecision(5))
  })
}
