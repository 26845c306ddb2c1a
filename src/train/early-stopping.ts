import { fail } from '../errors.ts'
import type { StateDict } from '../nn/module.ts'
import type { Callback, FitEnd, FitRun } from './callbacks.ts'
import { readCheckpoint, saveCheckpoint } from './checkpoint.ts'
import type { EpochLog } from './history.ts'
import type { Json } from './json.ts'

/** Options of {@link EarlyStopping}. */
export interface EarlyStoppingOptions {
  /** The value to watch, by its name in the epochs' logs; 'valLoss' unless given. */
  readonly monitor?: string
  /** Whether it should fall or rise; 'min' unless given. */
  readonly mode?: 'min' | 'max'
  /** Epochs without improvement that are put up with; 5 unless given. */
  readonly patience?: number
  /** An improvement is larger than this; 0 unless given. */
  readonly minDelta?: number
  /** Whether the model gets the weights of the best epoch back at the end; false unless given. */
  readonly restoreBest?: boolean
}

/** A value and the epoch that had it. */
interface Best {
  readonly value: number
  readonly epoch: number
}

/**
 * Ends the training when a value has stopped improving; NaN is no improvement. The weights of the best epoch are kept in memory, and beside
 * the checkpoints, under their name and `-best`, where the training has some.
 */
export class EarlyStopping implements Callback {
  readonly name: string = 'earlyStopping'
  private readonly options: Required<EarlyStoppingOptions>
  private found: Best | null = null
  private weights: StateDict | null = null

  constructor(options: EarlyStoppingOptions = {}) {
    const all = { monitor: 'valLoss', mode: 'min', patience: 5, minDelta: 0, restoreBest: false, ...options } as const
    if (!Number.isInteger(all.patience) || all.patience < 0)
      fail('EarlyStopping', `patience is ${all.patience}`, 'it must be a whole number, 0 or more')
    if (!(all.minDelta >= 0)) fail('EarlyStopping', `minDelta is ${all.minDelta}`, 'it must be at least 0')
    this.options = all
  }

  /** The best value so far, and its epoch; null before the first. */
  get best(): Best | null {
    return this.found
  }

  async onFitStart(run: FitRun): Promise<void> {
    if (run.epoch > 1) this.judge(run.epoch - 1, run)
    const { checkpoint } = run
    if (!this.options.restoreBest || !this.found || this.weights) return
    const kept = checkpoint && (await readCheckpoint(checkpoint.store, bestOf(checkpoint.name)))
    if (!kept)
      fail('EarlyStopping', `the weights of epoch ${this.found.epoch}, the best, are gone`, 'train without restoreBest')
    this.weights = kept.model
  }

  async onEpochEnd(log: EpochLog, run: FitRun): Promise<void> {
    const { monitor, mode, minDelta, restoreBest } = this.options
    const value = log[monitor]
    if (value === undefined)
      fail('EarlyStopping', `there is no ${monitor} to monitor`, `the logs have ${Object.keys(log).join(', ')}`)
    const { epoch, step } = log
    const gain = this.found === null ? Infinity : (value - this.found.value) * (mode === 'min' ? -1 : 1)
    if (Number.isNaN(value) || gain <= minDelta) {
      this.judge(epoch, run)
      return
    }
    this.found = { value, epoch }
    if (!restoreBest) return
    this.weights = await run.model.stateDict()
    const { checkpoint, model } = run
    if (checkpoint)
      await saveCheckpoint(checkpoint.store, bestOf(checkpoint.name), { model }, { step, epoch }, { keep: 1 })
  }

  onFitEnd({ outcome }: FitEnd, run: FitRun): void {
    if (this.weights && (outcome === 'finished' || outcome === 'stopped')) run.model.loadStateDict(this.weights)
  }

  state(): Json {
    return this.found && { ...this.found }
  }

  restore(state: Json): void {
    this.found = state as unknown as Best | null
    this.weights = null
  }

  private judge(epoch: number, run: FitRun): void {
    const { monitor, patience } = this.options
    const since = this.found?.epoch ?? 0
    if (epoch - since > patience) run.stop(`${monitor} has not improved since epoch ${since}`)
  }
}

function bestOf(name: string): string {
  return `${name}-best`
}
