import chartJs from 'uplot/dist/uPlot.iife.min.js?raw'
import chartCss from 'uplot/dist/uPlot.min.css?raw'
import { count, percent, rate, size } from './format.ts'
import template from './report.html?raw'
import pageJs from './report-page.js?raw'
import { type Digits, finalAccuracy, type TrainResult } from './result.ts'

const pixels = 28 * 28
const shown = { wrong: 48, first: 60 }

/** The report as one HTML file that needs no other file and no network. */
export function renderReport(result: TrainResult, digits: Digits): string {
  const accuracy = finalAccuracy(result)
  const labels = digits.labels.subarray(digits.labels.length - result.test)
  const wrong = result.predictions.flatMap((read, i) => (read === labels[i] ? [] : [i]))
  const slots: Record<string, string> = {
    'chart-css': chartCss,
    'chart-js': chartJs,
    'page-js': pageJs,
    headline: escapeHtml(`${percent(accuracy)} of ${count(result.test)} digits read correctly`),
    subline: escapeHtml(
      `A convolutional network of ${count(result.parameters)} parameters, trained with wgrad on ${result.source} ` +
        `for ${result.options.epochs} epochs of ${count(result.train)} digits.`,
    ),
    facts: facts(result, accuracy),
    'chart-label': escapeHtml(
      `Loss by step, from ${result.losses[0]?.toFixed(3)} to ${result.losses.at(-1)?.toFixed(3)}`,
    ),
    epochs: epochTable(result),
    'wrong-title': escapeHtml(wrongTitle(wrong.length, result.test)),
    'profile-note': escapeHtml(profileNote(result)),
    profile: profileTable(result),
    data: json({
      steps: result.steps,
      losses: result.losses,
      smoothed: smooth(result.losses),
      digits: {
        wrong: wrong.slice(0, shown.wrong).map((i) => digitOf(result, digits, i)),
        first: Array.from({ length: Math.min(shown.first, result.test) }, (_, i) => digitOf(result, digits, i)),
      },
    }),
  }
  // A replacer function, since replacement strings would give `$&` in the chart library a meaning.
  return template.replace(/\{\{([\w-]+)\}\}/g, (slot, name: string) => {
    const value = slots[name]
    if (value === undefined) throw new Error(`report: the template asks for ${slot}, which is not filled`)
    return value
  })
}

/** Text for any place in HTML, attributes in double quotes included. */
export function escapeHtml(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replace(/[&<>"']/g, (character) => names[character] ?? character)
}

/** JSON that cannot end the script element it stands in. */
function json(value: unknown): string {
  return JSON.stringify(value).replace(/</g, '\\u003c')
}

function facts(result: TrainResult, accuracy: number): string {
  const { perStep, adapter } = result
  const rows: [string, string][] = [
    ['test accuracy', percent(accuracy)],
    ['steps per second', rate(result.stepsPerSecond)],
    ['dispatches per step', count(perStep.dispatches)],
    ['submits per step', count(perStep.submits)],
    ['memory traffic per step', size(perStep.bytes)],
    ['GPU memory at peak', size(perStep.peakBytes)],
    ['work per step', `${rate(perStep.flops / 1e6)} MFLOP`],
    ['pipelines', count(perStep.pipelines)],
    ['adapter', `${adapter.name} in ${adapter.where}`],
  ]
  return rows.map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`).join('\n')
}

function epochTable(result: TrainResult): string {
  const rows = result.epochs.map((epoch, i) => [
    String(i + 1),
    epoch.loss.toFixed(4),
    percent(epoch.accuracy),
    `${epoch.seconds.toFixed(1)} s`,
  ])
  return table(['epoch', 'mean loss', 'test accuracy', 'time'], rows.map(cells))
}

function profileTable(result: TrainResult): string {
  const total = result.profile.reduce((sum, row) => sum + row.ms, 0)
  const rows = result.profile.map((row) => {
    const share = total > 0 ? row.ms / total : 0
    const perSecond = (amount: number): string => (row.ms > 0 ? rate(amount / row.ms / 1e6) : '–')
    const text = [row.kernel, count(row.dispatches), row.ms.toFixed(3)]
    const after = [perSecond(row.flops), perSecond(row.bytes)]
    const bar = `<td><span class="bar"><b style="width:${(share * 100).toFixed(1)}%"></b></span></td>`
    return cells(text) + bar + cells(after)
  })
  return table(['kernel', 'dispatches', 'ms', 'share', 'GFLOP/s', 'GB/s'], rows)
}

function profileNote(result: TrainResult): string {
  const total = result.profile.reduce((sum, row) => sum + row.ms, 0)
  const how =
    result.clock === 'timestamps'
      ? 'by timestamp queries around each dispatch'
      : 'by waiting for each dispatch, since this adapter has no timestamp queries'
  const where = result.adapter.software ? ' The adapter is software: its times say nothing of a GPU.' : ''
  return `${total.toFixed(2)} ms in all, ${how}.${where}`
}

function wrongTitle(wrong: number, test: number): string {
  if (wrong === 0) return `None of ${count(test)} test digits read wrongly`
  const part = wrong > shown.wrong ? `, the first ${shown.wrong} of them` : ''
  return `${count(wrong)} of ${count(test)} test digits read wrongly${part}`
}

function table(head: string[], rows: string[]): string {
  const heads = head.map((text) => `<th scope="col">${escapeHtml(text)}</th>`).join('')
  const body = rows.map((row) => `<tr>${row}</tr>`).join('\n')
  return `<table><thead><tr>${heads}</tr></thead><tbody>\n${body}\n</tbody></table>`
}

function cells(row: string[]): string {
  return row.map((text) => `<td>${escapeHtml(text)}</td>`).join('')
}

interface ShownDigit {
  /** 784 grey values, base64. */
  pixels: string
  label: number
  read: number
  sure: number
}

function digitOf(result: TrainResult, digits: Digits, i: number): ShownDigit {
  const at = digits.labels.length - result.test + i
  const image = digits.images.subarray(at * pixels, (at + 1) * pixels)
  return {
    pixels: btoa(String.fromCharCode(...image)),
    label: digits.labels[at] ?? -1,
    read: result.predictions[i] ?? -1,
    sure: result.confidence[i] ?? 0,
  }
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
