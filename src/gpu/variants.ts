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

interface Work {
  readonly names: readonly string[]
  /** The kernel in the newest plan. */
  taken: string
}

/**
 * Which of several kernels does which work on a device. The bits of a result depend on the kernel, so a run that is to
 * be repeated pins those of the first one.
 */
export class VariantTable {
  /** Pinned kernels that were asked for and not available. */
  readonly unavailable: UnavailableVariant[] = []
  /** @internal Counts the calls that may have changed an answer. */
  version = 0
  private readonly pins = new Map<string, { readonly name: string; readonly options: PinOptions }>()
  private readonly works = new Map<string, Work>()

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
   * reported to `onMissing`, when a plan that asks for it is built: it depends on the device's limits and features.
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
  agrees(choices: ReadonlyMap<string, string>): boolean {
    for (const [work, name] of choices) {
      const known = this.works.get(work)
      if (!known || this.answer(work, known.names) !== name) return false
      known.taken = name
    }
    return true
  }

  private answer(work: string, names: readonly string[]): string {
    const pinned = this.pins.get(work)?.name
    return pinned !== undefined && names.includes(pinned) ? pinned : (names[0] as string)
  }
}
