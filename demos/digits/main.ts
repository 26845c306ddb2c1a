import { type Caller, connectPort } from 'wgrad/train'
import { answerView } from './answer.ts'
import { accuracyChart, lossChart } from './charts.ts'
import { controls } from './controls.ts'
import { element } from './elements.ts'
import { missingWebGpu, notice } from './notice.ts'
import { drawingPad } from './pad.ts'
import type { Adapter, Calls, Events, Settings, Standing } from './protocol.ts'
import { sampleGrid } from './samples.ts'
import { settingsForm } from './settings.ts'
import { toDigit } from './strokes.ts'

/** A folder's address with MNIST's files, for those who host their own: `?mnist=../mnist/`. */
const mnist = new URLSearchParams(location.search).get('mnist')

/** What becomes of a training when the page is closed. */
const keeping = {
  yes: 'Training is kept in this browser: a reload goes on where it was.',
  'other tab': 'Another tab trains here already, so this one forgets its training when it is closed.',
  'no storage': 'This browser stores nothing for this page, so the training is forgotten when it is closed.',
}

const view = controls()
const form = settingsForm()
const losses = lossChart()
const accuracies = accuracyChart()
const answer = answerView()
const samples = sampleGrid((pixels) => {
  pad.clear()
  look(pixels)
})
const pad = drawingPad((strokes) => {
  samples.unpick()
  look(toDigit(strokes))
})

let worker: Worker | null = null
let trainer: Caller<Calls, Events> | null = null
/** The training at hand. */
let settings: Settings | null = null
/** Epochs that it is to have in all. */
let goal = 0
/** Why this tab does not keep its training; null where it does. */
let keepsNot: 'other tab' | 'no storage' | null = null
/** A training is kept that could go on. */
let isKept = false
/** Cancels what the worker is at. */
let stop = new AbortController()

void start()
view.on('primary', () => void attempt(primary))
view.on('anew', () => void attempt(beginAnew))
view.on('save', () => void attempt(save))
view.onFile((file) => void attempt(() => load(file)))
form.onChange(explainSettings)
element('clear', HTMLButtonElement).addEventListener('click', () => {
  pad.clear()
  samples.unpick()
  look(null)
})

/** Opens WebGPU in a new worker and goes on with what is kept in this browser. */
async function start(): Promise<void> {
  notice(null)
  view.state('opening', 'Opening WebGPU …', 'Train')
  if (!('gpu' in navigator)) {
    notice(missingWebGpu(null))
    return view.state('failed', 'No WebGPU')
  }
  worker?.terminate()
  trainer?.close()
  worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
  trainer = connectPort<Calls, Events>(worker)
  listen(trainer)
  const opened = await trainer.call('open', null).catch((error: Error) => error)
  if (opened instanceof Error) {
    // Other errors are no matter of WebGPU: the worker could not be loaded, say.
    if (opened.message.startsWith('openDevice')) notice(missingWebGpu(opened.message))
    else showFailure(opened)
    return view.state('failed', 'Not started')
  }
  showAdapter(opened.adapter)
  const { kept } = opened
  keepsNot = opened.keepsNot
  isKept = kept !== null
  explainSettings()
  if (!kept) return view.state('ready', 'Ready', 'Train')
  form.write(kept.settings, kept.epochs)
  await attempt(async () => {
    const standing = await setUp(kept.settings, false)
    goal = kept.epochs
    if (kept.isRunning) await train()
    else showStanding(standing)
  })
}

/** Does something that the user asked for, and says so where it fails. */
async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    notice(null)
    await work()
  } catch (error) {
    view.progress(undefined)
    // What was cancelled has been told, or gave way to something else.
    if (error instanceof DOMException && error.name === 'AbortError') return
    showFailure(error instanceof Error ? error : new Error(String(error)))
  }
}

async function primary(): Promise<void> {
  if (view.current === 'ready') return beginAnew()
  if (view.current === 'stopped') return start()
  if (view.current === 'working') {
    stop.abort()
    view.progress(undefined)
    return isKept ? view.state('stopped', 'Cancelled', 'Go on') : view.state('ready', 'Cancelled', 'Train')
  }
  if (view.current === 'training') return pause()
  if (view.current === 'done') goal += form.read().epochs
  await train()
}

/** Forgets the training at hand and begins one with the settings of the form. */
async function beginAnew(): Promise<void> {
  const asked = form.read()
  isKept = false
  await setUp(asked.settings, true)
  goal = asked.epochs
  await train()
}

async function setUp(wanted: Settings, anew: boolean): Promise<Standing> {
  const signal = nextSignal()
  view.state('working', anew ? 'Starting …' : 'Going on where it was …', 'Cancel')
  const standing = await caller().call('setUp', { settings: wanted, mnist, anew }, { signal })
  view.progress(undefined)
  settings = wanted
  explainSettings()
  ask()
  return standing
}

async function train(): Promise<void> {
  const signal = nextSignal()
  isKept = keepsNot === null
  view.state('training', 'Training', 'Pause')
  const standing = await caller().call('train', { epochs: goal }, { signal })
  showStanding(standing)
}

/** Stops after the step at hand. */
async function pause(): Promise<void> {
  stop.abort()
  view.state('pausing', 'Pausing …')
  showStanding(await caller().call('standing', null))
}

async function save(): Promise<void> {
  const file = await caller().call('save', null)
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([file]))
  link.download = `digits-${settings?.network}.safetensors`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

async function load(file: File): Promise<void> {
  const asked = form.read()
  const bytes = new Uint8Array(await file.arrayBuffer())
  const signal = nextSignal()
  const before = view.current
  view.state('working', `Loading ${file.name} …`, 'Cancel')
  try {
    const input = { settings: asked.settings, mnist, file: bytes }
    settings = await caller().call('load', input, { signal, transfer: [bytes.buffer] })
  } catch (error) {
    if (before !== 'ready' && error !== signal.reason) showStanding(await caller().call('standing', null))
    else view.state('ready', 'Ready', 'Train')
    throw error
  }
  view.progress(undefined)
  goal = asked.epochs
  form.write(settings, goal)
  explainSettings()
  view.state('paused', `${file.name} is loaded`, 'Train')
  ask()
}

function listen(from: Caller<Calls, Events>): void {
  from.on('progress', ({ what, share }) => {
    if (view.current !== 'working') return
    view.state('working', `${what} …`)
    view.progress(share)
  })
  from.on('digits', ({ source, images, labels }) => {
    samples.setDigits({ images, labels })
    element('source', HTMLElement).textContent = `In use: ${source}`
  })
  from.on('steps', ({ step, epoch, loss, stepsPerSecond, x, y }) => {
    view.fact('step', step.toLocaleString('en'))
    view.fact('epoch', `${epoch.toFixed(1)}`)
    view.fact('loss', loss === null ? '–' : loss.toPrecision(3))
    view.fact('speed', stepsPerSecond === null ? '–' : stepsPerSecond.toPrecision(3))
    losses.set(x, y)
    ask()
  })
  from.on('measured', ({ accuracy, read, sure, steps, accuracies: shares }) => {
    view.fact('accuracy', `${(100 * accuracy).toFixed(1)} %`)
    accuracies.set(
      steps,
      shares.map((share) => 100 * share),
    )
    samples.setRead({ read, sure })
    ask()
  })
}

let looking: Float32Array<ArrayBuffer> | null = null
let isAsking = false
let isOutdated = false

/** Shows a digit, and asks the network for what it makes of it. */
function look(pixels: Float32Array<ArrayBuffer> | null): void {
  looking = pixels
  if (pixels) {
    answer.see(pixels)
    ask()
  } else answer.clear()
}

/** Asks the network for what it makes of the digit at hand; of what is asked meanwhile, only the last counts. */
function ask(): void {
  isOutdated = true
  if (isAsking || !looking || !settings || !trainer) return
  isAsking = true
  isOutdated = false
  trainer
    .call('classify', looking)
    .then((probabilities) => {
      if (looking) answer.show(probabilities)
    })
    // What ends the training tells so itself.
    .catch(() => undefined)
    .finally(() => {
      isAsking = false
      if (isOutdated) ask()
    })
}

function showStanding({ epochs, step }: Standing): void {
  const at = `step ${step.toLocaleString('en')}`
  if (epochs >= goal) view.state('done', `Done at ${at}`, 'Train on')
  else view.state('paused', `Paused at ${at}`, step === 0 ? 'Train' : 'Resume')
}

function showAdapter({ description, software }: Adapter): void {
  const place = element('adapter', HTMLElement)
  place.hidden = false
  place.classList.toggle('software', software)
  place.textContent = software
    ? `${description}: a software adapter. The CPU does the GPU's work, which is slow; try hardware acceleration in the browser's settings.`
    : description
}

function showFailure(error: Error): void {
  if (error.name === 'DeviceLostError') {
    view.state('failed', 'The GPU was lost')
    notice({
      title: 'The browser lost the GPU',
      paragraphs: [
        'A driver was restarted, or another page asked too much of it. The training is kept.',
        error.message,
      ],
      action: { text: 'Go on from the last checkpoint', run: () => void start() },
    })
  } else {
    notice({ title: 'That did not work', paragraphs: [error.message] })
    if (view.current === 'training' || view.current === 'working') {
      view.state(isKept ? 'stopped' : 'ready', 'Stopped', isKept ? 'Try again' : 'Train')
    }
  }
}

/** Says when the form differs from the training at hand. */
function explainSettings(): void {
  element('settings-note', HTMLElement).textContent =
    settings && form.differs(settings)
      ? '“Start anew” trains with these settings; the training at hand has others.'
      : keeping[keepsNot ?? 'yes']
}

function nextSignal(): AbortSignal {
  stop.abort()
  stop = new AbortController()
  return stop.signal
}

function caller(): Caller<Calls, Events> {
  if (!trainer) throw new Error('the worker is not there yet')
  return trainer
}
