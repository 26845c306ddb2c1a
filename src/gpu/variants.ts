import type { TuningStore } from './tuning-store.ts'

/** A pinned kernel that this device does not offer for the work it was pinned for. */
export interface UnavailableVariant {
  /** The op with its attributes and the specs of its inputs, as in {@link VariantTable.used}. */
  readonly work: string
  readonly wanted: string
  /** The device's own choice, which ran instead. */
  readonly taken: string
}

/** Options of {@link VariantTable.pin}. */
export interface PinOptions {
  /** Told once for each pinned kernel that turns out to be unavailable, when a plan that asks for it is built. */
  readonly onMissing?: (missing: UnavailableVariant) => void
}

/** A kernel that is not used on this device. */
export interface StruckVariant {
  readonly work: string
  readonly name: string
  /** How it failed: it does not compile, WebGPU refused it, its result is another than that of the other kernels. */
  readonly why: string
}

/** What measuring the kernels for a piece of work came to. */
export interface TunedWork {
  /** The op with its attributes and the specs of its inputs, as in {@link VariantTable.used}. */
  readonly work: string
  /** The kernel to use. */
  readonly taken: string
  /** The shortest times of a run that were measured, by kernel; clear losers were measured less often. */
  readonly microseconds: Readonly<Record<string, number>>
  /** Why kernels are not used, by kernel. */
  readonly struck: Readonly<Record<string, string>>
  /** Measured at an earlier start. */
  readonly remembered: boolean
}

interface Work {
  readonly names: readonly string[]
  /** The kernel in the newest plan. */
  taken: string
}

/**
 * Which of several kernels does which work on a device. The bits of a result depend on the kernel, so a run that is to
 * be repeated pins those of the first one. A pin comes before what was measured, and that before the default.
 */
export class VariantTable {
  /** Pinned kernels that were asked for and not available. */
  readonly unavailable: UnavailableVariant[] = []
  /** What could not be remembered or read again, in words. */
  readonly notes: string[] = []
  /** @internal Counts the calls that may have changed an answer. */
  version = 0
  private readonly givenStore: TuningStore | null | undefined
  private readonly pins = new Map<string, { readonly name: string; readonly options: PinOptions }>()
  private readonly works = new Map<string, Work>()
  private readonly answers = new Map<string, TunedWork>()

  /** @internal */
  constructor(store?: TuningStore | null) {
    this.givenStore = store
  }

  /** The kernel that each piece of work takes in the plans built so far, the newest where they differ. */
  used(): Record<string, string> {
    return Object.fromEntries([...this.works].map(([work, { taken }]) => [work, taken]))
  }

  /** All kernels that can do each piece of work that plans were built for, the device's own choice first. */
  offered(): Record<string, readonly string[]> {
    return Object.fromEntries([...this.works].map(([work, { names }]) => [work, names]))
  }

  /**
   * Fixes kernels by a record as {@link VariantTable.used} gives it; earlier pins of other work stay. Compiled functions build new plans
   * where theirs differ. A kernel that is not available here is replaced by the device's own choice, listed in `unavailable` and
   * reported to `onMissing`, when a plan that asks for it is built: it depends on the device's limits and features, and on what
   * was struck off.
   */
  pin(kernels: Readonly<Record<string, string>>, options: PinOptions = {}): void {
    for (const [work, name] of Object.entries(kernels)) this.pins.set(work, { name, options })
    this.version++
  }

  /** The kernels that are pinned, also for work that no plan has needed yet. */
  pinned(): Record<string, string> {
    return Object.fromEntries([...this.pins].map(([work, { name }]) => [work, name]))
  }

  /** Forgets all pins. */
  unpin(): void {
    this.pins.clear()
    this.unavailable.length = 0
    this.version++
  }

  /** What was measured, by `prepare` with `tune`, now or at an earlier start. */
  tuned(): readonly TunedWork[] {
    return [...this.answers.values()]
  }

  /** Kernels that are not used here since they failed when they were measured. */
  struck(): readonly StruckVariant[] {
    return this.tuned().flatMap(({ work, struck }) =>
      Object.entries(struck).map(([name, why]) => ({ work, name, why })),
    )
  }

  /** What was measured, in lines of text: each piece of work, and its kernels from the fastest on. */
  table(): string {
    const lines = this.tuned().flatMap(({ work, taken, microseconds, struck, remembered }) => [
      `${work}${remembered ? ' (remembered)' : ''}`,
      ...Object.entries(microseconds)
        .sort((a, b) => a[1] - b[1])
        .map(([name, us]) => `${name === taken ? '*' : ' '} ${us.toFixed(1).padStart(10)} us  ${name}`),
      ...Object.entries(struck).map(([name, why]) => `- ${'struck'.padStart(10)}     ${name}: ${why}`),
    ])
    return [...lines, ...this.notes.map((note) => `note: ${note}`)].join('\n')
  }

  /**
   * Forgets all that was measured, also what is remembered for later starts. Pins stay.
   *
   * @throws WgradError where what is remembered cannot be overwritten.
   */
  async reset(): Promise<void> {
    this.answers.clear()
    this.notes.length = 0
    this.version++
    await (await this.store())?.write('')
  }

  /** @internal Where measured answers are kept; null: nowhere. */
  async store(): Promise<TuningStore | null> {
    // Few programs ask, so the browser's own is loaded only then.
    return this.givenStore === undefined ? (await import('./tuning-store.ts')).browserTuning() : this.givenStore
  }

  /** @internal Takes the answer to a measurement. */
  keep(answer: TunedWork): void {
    this.answers.set(answer.work, answer)
    this.version++
  }

  /** @internal True for work that needs no measurement. */
  settled(work: string): boolean {
    return this.pins.has(work) || this.answers.has(work)
  }

  /** @internal The kernel for a piece of work among those legal for it, the default first; remembers the answer. */
  choose(work: string, names: readonly string[]): string {
    const taken = this.answer(work, names)
    const pin = this.pins.get(work)
    if (pin && pin.name !== taken && !this.unavailable.some((u) => u.work === work && u.wanted === pin.name)) {
      const missing = { work, wanted: pin.name, taken }
      this.unavailable.push(missing)
      pin.options.onMissing?.(missing)
    }
    this.works.set(work, { names, taken })
    return taken
  }

  /** @internal True when these choices would be made again now. */
  agrees(choices: ReadonlyMap<string, { readonly taken: string }>): boolean {
    for (const [work, { taken }] of choices) {
      const known = this.works.get(work)
      if (!known || this.answer(work, known.names) !== taken) return false
      known.taken = taken
    }
    return true
  }

  private answer(work: string, names: readonly string[]): string {
    const tuned = this.answers.get(work)
    const sound = tuned ? names.filter((name) => !Object.hasOwn(tuned.struck, name)) : names
    const wanted = [this.pins.get(work)?.name, tuned?.taken].find((name) => name !== undefined && sound.includes(name))
    return wanted ?? sound[0] ?? (names[0] as string)
  }
}
