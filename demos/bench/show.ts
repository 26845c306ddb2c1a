import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  Legend,
  LinearScale,
  LogarithmicScale,
  Tooltip,
} from 'chart.js'
import { chartsOf } from '../../bench/report/charts.ts'
import { drawCharts } from '../../bench/report/draw.js'
import { heading, type Table, tablesOf } from '../../bench/report/table.ts'
import type { Report } from '../../bench/run/results.ts'
import { element, make } from '../common/elements.ts'

Chart.register(BarController, BarElement, CategoryScale, LinearScale, LogarithmicScale, Tooltip, Legend)

let drawn: Chart[] = []

/** Shows the tables and charts of a report in place of those before. */
export function showReport(report: Report): void {
  element('results', HTMLElement).hidden = false
  element('heading', HTMLElement).textContent = heading(report)
  element('tables', HTMLElement).replaceChildren(...tablesOf(report).map(tableSection))
  for (const chart of drawn) chart.destroy()
  const place = element('charts', HTMLElement)
  place.replaceChildren()
  const style = getComputedStyle(document.documentElement)
  const look = { text: style.getPropertyValue('--ink'), line: style.getPropertyValue('--line') }
  drawn = drawCharts(Chart, chartsOf(report), place, look)
}

function tableSection({ title, head, left, rows }: Table): HTMLElement {
  const section = make('section')
  const scroll = make('div', { className: 'scroll' })
  const table = make('table')
  const line = (cells: readonly string[], tag: 'th' | 'td'): HTMLTableRowElement => {
    const row = make('tr')
    row.append(
      ...cells.map((text, c) => make(tag, { text, className: c < left ? 'words' : c >= head.length ? 'message' : '' })),
    )
    return row
  }
  const hasMessages = rows.some((cells) => cells[head.length])
  const width = head.length + (hasMessages ? 1 : 0)
  table.createTHead().append(line(hasMessages ? [...head, ''] : head, 'th'))
  table.createTBody().append(...rows.map((cells) => line(cells.slice(0, width), 'td')))
  scroll.append(table)
  // What scrolls must be within reach of a keyboard.
  scroll.tabIndex = 0
  section.append(make('h3', { text: title }), scroll)
  return section
}
