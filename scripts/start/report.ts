import { cells, htmlTable } from '../report/html.ts'
import { lossSection, renderReport as renderPage } from '../report/report.ts'
import { count, percent, rate, size } from './format.ts'
import css from './report.css?raw'
import script from './report-page.js?raw'
import { type Digits, finalAccuracy, type TrainResult } from './result.ts'

const pixels = 28 * 28
const shown = { wrong: 48, first: 60 }

/** The report as one HTML file that needs no other file and no network. */
export function renderReport(result: TrainResult, digits: Digits): string {
  const accuracy = finalAccuracy(result)
  const labels = digits.labels.subarray(digits.labels.length - result.test)
  const wrong = result.predictions.flatMap((read, i) => (read === labels[i] ? [] : [i]))
  const first = Array.from({ length: Math.min(shown.first, result.test) }, (_, i) => i)
  const shownDigits = (of: readonly number[]): ShownDigit[] => of.map((i) => digitOf(result, digits, i))
  return renderPage({
    title: 'wgrad: a network that reads digits',
    headline: `${percent(accuracy)} of ${count(result.test)} digits read correctly`,
    subline:
      `A convolutional network of ${count(result.parameters)} parameters, trained with wgrad on ${result.source} ` +
      `for ${result.options.epochs} epochs of ${count(result.train)} digits.`,
    facts: facts(result, accuracy),
    sections: [
      lossSection(result.steps, result.losses),
      { title: 'Epochs', table: epochTable(result) },
      {
        title: wrongTitle(wrong.length, result.test),
        note: 'Under each digit stands what the network read, and behind ≠ what it is.',
        html: '<ul class="digits" id="wrong"></ul>\n<h2>The first test digits</h2>\n<ul class="digits" id="first"></ul>',
      },
      {
        title: 'One step on the GPU, by kernel',
        note: profileNote(result),
        html: `<div class="scroll">${profileTable(result)}</div>`,
      },
    ],
    own: {
      css,
      script,
      data: { digits: { wrong: shownDigits(wrong.slice(0, shown.wrong)), first: shownDigits(first) } },
    },
  })
}

function facts(result: TrainResult, accuracy: number): [string, string][] {
  const { perStep, adapter } = result
  return [
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
}

function epochTable(result: TrainResult): { head: string[]; rows: string[][] } {
  const rows = result.epochs.map((epoch, i) => [
    String(i + 1),
    epoch.loss.toFixed(4),
    percent(epoch.accuracy),
    `${epoch.seconds.toFixed(1)} s`,
  ])
  return { head: ['epoch', 'mean loss', 'test accuracy', 'time'], rows }
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
  return htmlTable(['kernel', 'dispatches', 'ms', 'share', 'GFLOP/s', 'GB/s'], rows)
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
