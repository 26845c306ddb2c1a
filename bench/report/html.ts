import chartJs from '../../node_modules/chart.js/dist/chart.umd.min.js?raw'
import type { Report } from '../run/results.ts'
import { chartsOf } from './charts.ts'
import drawJs from './draw.js?raw'
import template from './page.html?raw'
import pageJs from './page.js?raw'
import { heading, type Table, tablesOf } from './table.ts'

function escapeHtml(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replace(/[&<>"']/g, (character) => names[character] ?? character)
}

/** `<` as an escape, so that no text can end the script element. */
function json(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}

function tableHtml({ title, head, left, rows }: Table): string {
  const line = (tag: string, cells: readonly string[]): string => {
    const kind = (c: number): string => (c < left || c >= head.length ? ' class="words"' : '')
    return `<tr>${cells.map((text, c) => `<${tag}${kind(c)}>${escapeHtml(text)}</${tag}>`).join('')}</tr>`
  }
  const body = rows.map((cells) => line('td', cells)).join('\n')
  return `<h3>${escapeHtml(title)}</h3>\n<div class="scroll"><table>${line('th', head)}\n${body}</table></div>`
}

/** The report as one HTML file with charts that needs no other file and no network. */
export function reportHtml(report: Report): string {
  const slots: Readonly<Record<string, string>> = {
    date: escapeHtml(report.date.slice(0, 10)),
    heading: escapeHtml(heading(report)),
    tables: tablesOf(report).map(tableHtml).join('\n'),
    report: json(report),
    charts: json(chartsOf(report)),
    'chart-js': chartJs.replaceAll('</script', '<\\/script'),
    'draw-js': drawJs,
    'page-js': pageJs,
  }
  return template.replace(/\{\{([\w-]+)\}\}/g, (slot, name: string) => {
    const value = slots[name]
    if (value === undefined) throw new Error(`bench: the page asks for ${slot}, which is not filled`)
    return value
  })
}
