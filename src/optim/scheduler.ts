import { fail } from '../errors.ts'
import type { Schedule } from './schedule.ts'

/** What a scheduler needs of an optimizer. */
export interface Scheduled {
  readonly groups: readonly { readonly options: { lr: number; momentum?: number; betas?: readonly [number, number] } }[]
}

/** Options of {@link LRScheduler}. */
export interface LRSchedulerOptions {
  /** The momentum of a step, counted from 0: that of SGD and RMSprop, the first of the betas of Adam. Stays as it is unless given. */
  readonly momentum?: (step: number) => number
}

/** What a scheduler must know to go on; see {@link LRScheduler.state}. */
export interface SchedulerState {
  readonly step: number
  readonly base: readonly number[]
}

/**
 * Sets the learning rates of an optimizer's groups from a schedule, and their momentum where one is given: those of
 * step 0 at once, those of the next step at each {@link step}. Rates are data of compiled steps, which are not traced
 * again.
 */
export class LRScheduler {
  private readonly optimizer: Scheduled
  private readonly schedule: Schedule
  private readonly momentum: ((step: number) => number) | null
  private base: readonly number[]
  private at = 0

  constructor(optimizer: Scheduled, schedule: Schedule, { momentum }: LRSchedulerOptions = {}) {
    this.optimizer = optimizer
    this.schedule = schedule
    this.momentum = momentum ?? null
    if (momentum && optimizer.groups.some(({ options }) => options.momentum === undefined && !options.betas))
      fail(
        'LRScheduler',
        'a momentum for an optimizer that has none',
        'leave it out, or take SGD, RMSprop, Adam or Lion',
      )
    this.base = optimizer.groups.map((g) => g.options.lr)
    this.set()
  }

  /** Goes on to the next step; call it after each update. */
  step(): void {
    this.at++
    this.set()
  }

  /** The position, as plain data; setting it sets the learning rates too. */
  get state(): SchedulerState {
    return { step: this.at, base: [...this.base] }
  }

  /** Goes to a position that `state` gave, and sets the learning rates that belong to it. */
  set state({ step, base }: SchedulerState) {
    if (base.length !== this.optimizer.groups.length)
      fail('LRScheduler', `the state has ${base.length} groups`, `the optimizer has ${this.optimizer.groups.length}`)
    this.at = step
    this.base = [...base]
    this.set()
  }

  private set(): void {
    this.optimizer.groups.forEach(({ options }, i) => {
      options.lr = this.schedule(this.at, this.base[i] as number)
      if (!this.momentum) return
      const momentum = this.momentum(this.at)
      if (options.betas) options.betas = [momentum, options.betas[1]]
      else options.momentum = momentum
    })
  }
}

/** Options of {@link ReduceLROnPlateau}. */
export interface PlateauOptions {
  /** Whether the metric should fall or rise; 'min' unless given. */
  readonly mode?: 'min' | 'max'
  /** What the rates are multiplied by; 0.1 unless given. */
  readonly factor?: number
  /** Calls without improvement that are put up with; 10 unless given. */
  readonly patience?: number
  /** An improvement is larger than this share of the best metric; 1e-4 unless given. */
  readonly threshold?: number
  /** Calls after a reduction that do not count; 0 unless given. */
  readonly cooldown?: number
  /** The least learning rate; 0 unless given. */
  readonly minLr?: number
}

/** What {@link ReduceLROnPlateau} must know to go on. The best metric is null before the first call. */
export interface PlateauState {
  readonly best: number | null
  readonly bad: number
  readonly cooling: number
  readonly lr: readonly number[]
}

/** Lowers the learning rates when a metric stops improving, by PyTorch's rules (relative threshold). */
export class ReduceLROnPlateau {
  private readonly optimizer: Scheduled
  private readonly options: Required<PlateauOptions>
  private best: number | null = null
  private bad = 0
  private cooling = 0

  constructor(optimizer: Scheduled, options: PlateauOptions = {}) {
    const all = { mode: 'min', factor: 0.1, patience: 10, threshold: 1e-4, cooldown: 0, minLr: 0, ...options } as const
    if (!(all.factor < 1)) fail('ReduceLROnPlateau', `factor is ${all.factor}`, 'it must be below 1')
    this.optimizer = optimizer
    this.options = all
  }

  /** Looks at a metric, such as the validation loss of an epoch; NaN is no improvement. */
  step(metric: number): void {
    const { mode, factor, patience, threshold, cooldown, minLr } = this.options
    const isBetter =
      this.best === null
        ? !Number.isNaN(metric)
        : mode === 'min'
          ? metric < this.best * (1 - threshold)
          : metric > this.best * (1 + threshold)
    if (isBetter) this.best = metric
    this.bad = isBetter ? 0 : this.bad + 1
    if (this.cooling > 0) {
      this.cooling--
      this.bad = 0
    }
    if (this.bad <= patience) return
    this.cooling = cooldown
    this.bad = 0
    for (const { options } of this.optimizer.groups) {
      const lr = Math.max(options.lr * factor, minLr)
      // Smaller reductions than this are rounding.
      if (options.lr - lr > 1e-8) options.lr = lr
    }
  }

  /** The position, as plain data; setting it sets the learning rates too. */
  get state(): PlateauState {
    const lr = this.optimizer.groups.map((g) => g.options.lr)
    return { best: this.best, bad: this.bad, cooling: this.cooling, lr }
  }

  /** Goes to a position that `state` gave, and sets the learning rates that belong to it. */
  set state({ best, bad, cooling, lr }: PlateauState) {
    if (lr.length !== this.optimizer.groups.length)
      fail(
        'ReduceLROnPlateau',
        `the state has ${lr.length} groups`,
        `the optimizer has ${this.optimizer.groups.length}`,
      )
    this.best = best
    this.bad = bad
    this.cooling = cooling
    this.optimizer.groups.forEach((g, i) => {
      g.options.lr = lr[i] as number
    })
  }
}
