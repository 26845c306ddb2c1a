import { WgradError } from '../errors.ts'
import type { TuningStore } from '../gpu/tuning-store.ts'
import type { TunedWork } from '../gpu/variants.ts'

/** What is remembered of a piece of work. */
export type Answer = Pick<TunedWork, 'taken' | 'microseconds' | 'struck'>

const format = 'wgrad.tuning'
const version = 1

/** Answers kept; the oldest go first. */
const mostAnswers = 4000

/** Trials that never ended before a kernel is no longer tried; one alone may have been a page that was closed. */
const mostTrials = 2

/**
 * What is remembered from start to start, as one JSON text. What is damaged is left out, and what cannot be read or written is
 * noted and no error: the work is measured again.
 */
export class TuningMemory {
  private readonly store: TuningStore | null
  private readonly note: (text: string) => void
  private answers = new Map<string, Answer>()
  /** How often the device, the page or the process went away while a kernel was tried, by key and name. */
  private trials = new Map<string, number>()
  /** True while the store holds the mark of a trial that has ended. */
  private isMarked = false

  private constructor(store: TuningStore | null, note: (text: string) => void) {
    this.store = store
    this.note = note
  }

  static async open(store: TuningStore | null, note: (text: string) => void): Promise<TuningMemory> {
    const memory = new TuningMemory(store, note)
    await memory.read()
    return memory
  }

  get(key: string): Answer | undefined {
    return this.answers.get(key)
  }

  /** Keeps an answer, with those that others wrote meanwhile. */
  async keep(key: string, answer: Answer): Promise<void> {
    await this.read()
    this.answers.delete(key)
    this.answers.set(key, answer)
    for (const name of Object.keys(answer.microseconds)) this.trials.delete(trialKey(key, name))
    await this.write()
  }

  /** True for a kernel that took the device, the page or the process with it. */
  isDeadly(key: string, name: string): boolean {
    return (this.trials.get(trialKey(key, name)) ?? 0) >= mostTrials
  }

  /** Notes that a kernel is about to run for the first time, in case nobody is left to say how it ended. */
  async beginTrial(key: string, name: string): Promise<void> {
    if (!this.store) return
    const trial = trialKey(key, name)
    const before = this.trials.get(trial) ?? 0
    this.trials.set(trial, before + 1)
    await this.write()
    // Whoever is left goes on without the mark, and the next write takes it away.
    if (before > 0) this.trials.set(trial, before)
    else this.trials.delete(trial)
    this.isMarked = true
  }

  /** Notes that the device went away under a kernel. */
  async endTrial(key: string, name: string): Promise<void> {
    this.trials.set(trialKey(key, name), mostTrials)
    await this.write()
  }

  /** Takes away the mark of the last trial. */
  async close(): Promise<void> {
    if (this.isMarked) await this.write()
  }

  /** Takes in what is stored; what is known already stays. */
  private async read(): Promise<void> {
    try {
      const text = await this.store?.read()
      if (!text) return
      const file = parseRecord(text)
      if (file?.format !== format) this.note('what was remembered of kernels is damaged; it is measured again')
      if (file?.format !== format || file.version !== version) return
      const stored = entriesOf(file.answers).flatMap(([k, v]): [string, Answer][] => (isAnswer(v) ? [[k, v]] : []))
      this.answers = new Map([...stored, ...this.answers])
      const trials = entriesOf(file.trials).flatMap(([k, n]): [string, number][] => (isCount(n) ? [[k, n]] : []))
      if (this.trials.size === 0) this.trials = new Map(trials)
    } catch (cause) {
      this.note(reason(cause))
    }
  }

  private async write(): Promise<void> {
    const answers = Object.fromEntries([...this.answers].slice(-mostAnswers))
    const text = JSON.stringify({ format, version, answers, trials: Object.fromEntries(this.trials) })
    this.isMarked = false
    try {
      await this.store?.write(text)
    } catch (cause) {
      this.note(reason(cause))
    }
  }
}

function trialKey(key: string, name: string): string {
  return `${key} ${name}`
}

function reason(cause: unknown): string {
  return cause instanceof WgradError
    ? cause.message
    : `what was remembered of kernels cannot be used (${String(cause)})`
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value)
}

function parseRecord(text: string): Record<string, unknown> | null {
  try {
    return recordOf(JSON.parse(text))
  } catch {
    return null
  }
}

function recordOf(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
}

function entriesOf(value: unknown): [string, unknown][] {
  return Object.entries(recordOf(value) ?? {})
}

function isAnswer(value: unknown): value is Answer {
  const { taken, microseconds, struck } = recordOf(value) ?? {}
  return (
    typeof taken === 'string' &&
    recordOf(microseconds) !== null &&
    recordOf(struck) !== null &&
    entriesOf(microseconds).every(([, us]) => Number.isFinite(us)) &&
    entriesOf(struck).every(([, why]) => typeof why === 'string')
  )
}
