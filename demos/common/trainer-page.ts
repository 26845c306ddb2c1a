import { type Caller, connectPort, type PortCalls } from 'wgrad/train'
import { type Controls, controls } from './controls.ts'
import { element } from './elements.ts'
import { refuseOtherDrops } from './file-drop.ts'
import { missingWebGpu, notice } from './notice.ts'
import type { Adapter, AtHand, KeepsNot, TrainerCalls, TrainerEvents } from './protocol.ts'
import type { SettingsForm } from './settings-form.ts'

/** What becomes of a training when the page is closed. */
const keeping: Readonly<Record<NonNullable<KeepsNot> | 'yes', string>> = {
  yes: 'Training is kept in this browser: a reload goes on where it was.',
  'other tab': 'Another tab trains here already, so this one forgets its training when it is closed.',
  'no storage': 'This browser stores nothing for this page, so the training is forgotten when it is closed.',
}

/** What a page is made of, beside what all pages that train have. */
export interface TrainerPageParts<S, A, C extends PortCalls, E extends TrainerEvents> {
  readonly worker: () => Worker
  readonly form: SettingsForm<S>
  /** What the page's address says, for the worker. */
  readonly address: A
  /** The name for a file of weights. */
  readonly fileName: (settings: S) => string
  /** Listens to what the worker tells of a training. */
  readonly listen: (from: Caller<C, E>) => void
  /** There is a training to be asked: a new one, or one with other weights. */
  readonly onModel?: () => void
}

/** The training of a page, as the rest of the page sees it. */
export interface TrainerPage<S, C extends PortCalls, E extends TrainerEvents> {
  readonly view: Controls
  /** The settings of the training at hand, null before there is one. */
  readonly settings: S | null
  /** The way to the worker. Throws before it is there. */
  caller(): Caller<C, E>
  /** Does something that the user asked for, and says so where it fails. */
  attempt(work: () => Promise<void>): Promise<void>
  /** Forgets the training at hand and begins one with the settings of the form. */
  beginAnew(): Promise<void>
}

/** Runs the buttons, the line of state, notices and the keeping of a page that trains in a worker. */
export function trainerPage<S, A, C extends TrainerCalls<S, A>, E extends TrainerEvents>(
  parts: TrainerPageParts<S, A, C, E>,
): TrainerPage<S, C, E> {
  const page = new Page<S, A, C, E>(parts)
  void page.start()
  return page
}

class Page<S, A, C extends TrainerCalls<S, A>, E extends TrainerEvents> implements TrainerPage<S, C, E> {
  readonly view = controls()
  settings: S | null = null
  private readonly parts: TrainerPageParts<S, A, C, E>
  private worker: Worker | null = null
  private connection: Caller<C, E> | null = null
  /** How much the training at hand is to have in all. */
  private goal = 0
  private keepsNot: KeepsNot = null
  /** A training is kept that could go on. */
  private isKept = false
  /** Cancels what the worker is at. */
  private stop = new AbortController()

  constructor(parts: TrainerPageParts<S, A, C, E>) {
    this.parts = parts
    const { view } = this
    view.on('primary', () => void this.attempt(() => this.primary()))
    view.on('anew', () => void this.attempt(() => this.beginAnew()))
    view.on('save', () => void this.attempt(() => this.save()))
    view.onFile((file) => void this.attempt(() => this.load(file)))
    parts.form.onChange(() => this.explainSettings())
    refuseOtherDrops()
  }

  caller(): Caller<C, E> {
    if (!this.connection) throw new Error('the worker is not there yet')
    return this.connection
  }

  /** The calls that all pages have. */
  private get trainer(): Caller<TrainerCalls<S, A>, E> {
    return this.caller() as unknown as Caller<TrainerCalls<S, A>, E>
  }

  /** Opens WebGPU in a new worker and goes on with what is kept in this browser. */
  async start(): Promise<void> {
    const { view, parts } = this
    notice(null)
    view.state('opening', 'Opening WebGPU …', 'Train')
    if (!('gpu' in navigator)) {
      notice(missingWebGpu(null))
      return view.state('failed', 'No WebGPU', 'Try again')
    }
    this.worker?.terminate()
    this.connection?.close()
    this.settings = null
    this.worker = parts.worker()
    this.connection = connectPort<C, E>(this.worker)
    this.listen()
    const opened = await this.trainer.call('open', parts.address).catch((error: Error) => error)
    if (opened instanceof Error) {
      // Other errors are no matter of WebGPU: the worker could not be loaded, say.
      if (opened.message.startsWith('openDevice')) notice(missingWebGpu(opened.message))
      else this.showFailure(opened)
      return view.state('failed', 'Not started', 'Try again')
    }
    showAdapter(opened.adapter)
    const { kept } = opened
    this.keepsNot = opened.keepsNot
    this.isKept = kept !== null
    this.explainSettings()
    if (!kept) return view.state('ready', 'Ready', 'Train')
    parts.form.write(kept.settings, kept.amount)
    await this.attempt(async () => {
      const going = await this.replace('Going on where it was …', (signal) =>
        this.trainer.call('goOn', null, { signal }),
      )
      if (kept.isRunning) await this.train()
      else this.showStanding(going)
    })
  }

  async attempt(work: () => Promise<void>): Promise<void> {
    try {
      // What says why nothing works stays until something does.
      if (this.view.current !== 'failed') notice(null)
      await work()
    } catch (error) {
      this.view.progress(undefined)
      // What was cancelled has been told, or gave way to something else.
      if (error instanceof DOMException && error.name === 'AbortError') return
      this.showFailure(error instanceof Error ? error : new Error(String(error)))
    }
  }

  async beginAnew(): Promise<void> {
    const { settings, goal: amount } = this.parts.form.read()
    await this.replace('Starting …', (signal) => this.trainer.call('setUp', { settings, amount }, { signal }))
    await this.train()
  }

  private async primary(): Promise<void> {
    const { view } = this
    if (view.current === 'ready') return this.beginAnew()
    if (view.current === 'stopped' || view.current === 'failed') return this.start()
    if (view.current === 'working') return this.stop.abort()
    if (view.current === 'training') return this.pause()
    if (view.current === 'done') this.goal += this.parts.form.read().goal
    await this.train()
  }

  /** Puts another training in place of the one at hand, which stays where that fails or is cancelled. */
  private async replace(doing: string, work: (signal: AbortSignal) => Promise<AtHand<S>>): Promise<AtHand<S>> {
    const { view } = this
    const signal = this.nextSignal()
    view.state('working', doing, 'Cancel')
    try {
      const begun = await work(signal)
      this.hold(begun)
      return begun
    } catch (error) {
      if (this.settings !== null) await this.goBack()
      else if (signal.aborted) this.showNone('Cancelled', 'Go on')
      else this.showNone('Stopped', 'Try again')
      throw error
    } finally {
      view.progress(undefined)
    }
  }

  /** Goes back to the training at hand. */
  private async goBack(): Promise<void> {
    this.view.state('pausing', 'Going back …')
    const standing = await this.trainer.call('standing', null)
    // What was cancelled too late has taken its place.
    this.hold(standing)
    this.showStanding(standing)
  }

  /** There is a training to be asked. */
  private hold({ settings, goal }: AtHand<S>): void {
    this.settings = settings
    this.goal = goal
    this.isKept = this.keepsNot === null
    this.explainSettings()
    this.parts.onModel?.()
  }

  private async train(): Promise<void> {
    const signal = this.nextSignal()
    const { goal } = this
    const { goal: amount } = this.parts.form.read()
    this.view.state('training', 'Training', 'Pause')
    this.showStanding(await this.trainer.call('train', { goal, amount }, { signal }))
  }

  /** Stops after the step at hand. */
  private async pause(): Promise<void> {
    this.stop.abort()
    this.view.state('pausing', 'Pausing …')
    this.showStanding(await this.trainer.call('standing', null))
  }

  private async save(): Promise<void> {
    const file = await this.trainer.call('save', null)
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([file]))
    link.download = this.settings === null ? 'weights.safetensors' : this.parts.fileName(this.settings)
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  }

  private async load(file: File): Promise<void> {
    const { form } = this.parts
    const asked = form.read()
    const bytes = new Uint8Array(await file.arrayBuffer())
    const given = { settings: asked.settings, amount: asked.goal, file: bytes }
    const { settings, amount } = await this.replace(`Loading ${file.name} …`, (signal) =>
      this.trainer.call('load', given, { signal, transfer: [bytes.buffer] }),
    )
    form.write(settings, amount)
    this.explainSettings()
    this.view.state('paused', `${file.name} is loaded`, 'Train')
  }

  private listen(): void {
    this.parts.listen(this.caller())
    const all = this.connection as unknown as Caller<TrainerCalls<S, A>, TrainerEvents>
    all.on('progress', ({ what, share }) => {
      if (this.view.current !== 'working') return
      this.view.state('working', `${what} …`)
      this.view.progress(share)
    })
  }

  private showStanding({ done, step, failure }: AtHand<S>): void {
    const at = `step ${step.toLocaleString('en')}${failure === null ? '' : ', but not kept'}`
    if (failure !== null) notice({ title: 'The training could not be kept', paragraphs: [failure] })
    if (done >= this.goal) this.view.state('done', `Done at ${at}`, 'Train on')
    else this.view.state('paused', `Paused at ${at}`, step === 0 ? 'Train' : 'Resume')
  }

  private showFailure(error: Error): void {
    const { view, isKept } = this
    if (error.name === 'DeviceLostError') {
      view.state('failed', 'The GPU was lost', 'Try again')
      const kept = isKept ? 'The training is kept.' : 'What was trained in this tab was not kept.'
      notice({
        title: 'The browser lost the GPU',
        paragraphs: [`A driver was restarted, or another page asked too much of it. ${kept}`, error.message],
        action: { text: isKept ? 'Go on from the last checkpoint' : 'Try again', run: () => void this.start() },
      })
    } else if (view.current !== 'failed') {
      notice({ title: 'That did not work', paragraphs: [error.message] })
      if (view.current === 'training') this.showNone('Stopped', 'Try again')
    }
  }

  /** No training is at hand; `primary` names the way to one that is kept. */
  private showNone(text: string, primary: string): void {
    if (this.isKept) this.view.state('stopped', text, primary)
    else this.view.state('ready', text, 'Train')
  }

  /** Says when the form differs from the training at hand. */
  private explainSettings(): void {
    element('settings-note', HTMLElement).textContent =
      this.settings !== null && this.parts.form.differs(this.settings)
        ? '“Start anew” trains with these settings; the training at hand has others.'
        : keeping[this.keepsNot ?? 'yes']
  }

  private nextSignal(): AbortSignal {
    this.stop.abort()
    this.stop = new AbortController()
    return this.stop.signal
  }
}

function showAdapter({ description, software }: Adapter): void {
  const place = element('adapter', HTMLElement)
  place.hidden = false
  place.classList.toggle('software', software)
  place.textContent = software
    ? `${description}: a software adapter. The CPU does the GPU's work, which is slow; try hardware acceleration in the browser's settings.`
    : description
}
