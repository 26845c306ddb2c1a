import { connectPort } from 'wgrad/train'
import type { Report } from '../../bench/run/results.ts'
import { element } from '../common/elements.ts'
import type { Calls, Events } from './protocol.ts'
import { showReport } from './show.ts'
import { fillForm, lockForm, readForm } from './wanted.ts'

const address = new URLSearchParams(location.search)
const start = element('start', HTMLButtonElement)
const save = element('save', HTMLButtonElement)
const progress = element('progress', HTMLProgressElement)
const status = element('status', HTMLElement)

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
const bench = connectPort<Calls, Events>(worker)
let report: Report | null = null
let isRunning = false

/** What is wrong, above everything; nothing hides it. */
function notice(title: string, text: string): void {
  element('notice', HTMLElement).hidden = title === ''
  element('notice-title', HTMLElement).textContent = title
  element('notice-text', HTMLElement).textContent = text
}

async function open(): Promise<void> {
  fillForm(address)
  try {
    const { description, software } = await bench.call('adapter', null)
    const place = element('adapter', HTMLElement)
    place.hidden = false
    place.classList.toggle('software', software)
    place.textContent = software ? `${description}: a software adapter. It says nothing about GPUs` : description
    status.textContent = 'Ready'
    start.disabled = false
  } catch (error) {
    status.textContent = ''
    const hint =
      'Use Chrome or Edge from version 113, Safari from 26, or Firefox from 141, with hardware acceleration on.'
    notice('This browser offers no WebGPU here', `${hint} (${(error as Error).message})`)
  }
}

async function run(): Promise<void> {
  const wanted = readForm(address)
  if (wanted.suites.length === 0) {
    status.textContent = 'Choose a suite first'
    return
  }
  notice('', '')
  setRunning(true)
  const stops = [
    bench.on('progress', ({ done, total, what }) => {
      progress.value = done / total
      status.textContent = `${done + 1} of ${total}: ${what}`
    }),
    bench.on('report', showReport),
  ]
  // Asked first, so that a stop comes after it.
  const measured = bench.call('run', wanted)
  const screen = navigator.wakeLock?.request('screen').catch(() => null)
  try {
    report = await measured
    showReport(report)
    status.textContent = report.interrupted ? 'Stopped; this is what was measured until then' : 'Done'
    save.disabled = false
  } catch (error) {
    status.textContent = ''
    notice('The measurement broke', (error as Error).message)
  } finally {
    for (const stop of stops) stop()
    await (await screen)?.release()
    setRunning(false)
  }
}

function setRunning(now: boolean): void {
  isRunning = now
  lockForm(now)
  progress.hidden = !now
  progress.value = 0
  start.textContent = now ? 'Stop' : 'Measure'
  start.disabled = false
}

function download(): void {
  if (!report) return
  const url = URL.createObjectURL(new Blob([`${JSON.stringify(report, null, 1)}\n`], { type: 'application/json' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `wgrad-bench-${report.date.slice(0, 10)}.json`
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

start.addEventListener('click', () => {
  if (!isRunning) return void run()
  start.disabled = true
  status.textContent = 'Stopping …'
  void bench.call('stop', null)
})
save.addEventListener('click', download)
void open()
