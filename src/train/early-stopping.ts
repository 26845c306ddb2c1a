import { fail } from '../errors.ts'
import type { StateDict } from '../nn/module.ts'
import type { Callback, FitEnd, FitRun } from './callbacks.ts'
import type { EpochLog } from './history.ts'

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

/** Ends the training when a value has stopped improving; NaN is no improvement. */
export class EarlyStopping implements Callback {
  readonly name: string = 'earlyStopping'
  /** The best value so far and its epoch; null before the first. */
  best: { readonly value: number; readonly epoch: number } | null = null
  private readonly options: Required<EarlyStoppingOptions>
  private weights: StateDict | null = null

  constructor(options: EarlyStoppingOptions = {}) {
    const all = { monitor: 'valLoss', mode: 'min', patience: 5, minDelta: 0, restoreBest: false, ...options } as const
    if (!Number.isInteger(all.patience) || all.patience < 0)
      fail('EarlyStopping', `patience is ${all.patience}`, 'it must be a whole number, 0 or more')
    if (!(all.minDelta >= 0)) fail('EarlyStopping', `minDelta is ${all.minDelta}`, 'it must be at least 0')
    this.options = all
  }

  async onEpochEnd(log: EpochLog, run: FitRun): Promise<void> {
    const { monitor, mode, patience, minDelta, restoreBest } = this.options
    const value = log[monitor]
    if (value === undefined)
      fail('EarlyStopping', `there is no ${monitor} to monitor`, `the logs have ${Object.keys(log).join(', ')}`)
    const gain = this.best === null ? Infinity : mode === 'min' ? this.best.value - value : value - this.best.value
    if (gain > minDelta && !Number.isNaN(value)) {
      this.best = { value, epoch: log.epoch }
      if (restoreBest) this.weights = await run.model.stateDict()
    } else if (log.epoch - (this.best?.epoch ?? 0) > patience) {
      run.stop(`${monitor} has not improved since epoch ${this.best?.epoch ?? 0}`)
    }
  }

  onFitEnd({ outcome }: FitEnd, run: FitRun): void {
    if (this.weights && (outcome === 'finished' || outcome === 'stopped')) run.model.loadStateDict(this.weights)
  }
}
