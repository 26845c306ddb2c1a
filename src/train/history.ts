/** What an epoch came to. Beside these numbers it has the metrics, by their names. */
export interface EpochLog {
  /** Counts from 1. */
  readonly epoch: number
  /** Steps taken so far. */
  readonly step: number
  /** Learning rate of the first group at its end. */
  readonly lr: number
  /** Mean loss over its samples, while they were trained on. */
  readonly loss: number
  /** Mean loss over the samples of the validation data. */
  readonly valLoss?: number
  readonly [metric: string]: number | undefined
}

/** What one step came to. */
export interface StepLog {
  /** Counts from 1. */
  readonly step: number
  /** Counts from 1. */
  readonly epoch: number
  /** The learning rate that the step was taken with; that of the first group. */
  readonly lr: number
  readonly loss: number
}

/** Why training ended: all steps were taken, a callback stopped it, or the signal aborted it. */
export type FitOutcome = 'finished' | 'stopped' | 'aborted'

/** What {@link fit} answers. */
export interface History {
  /** One entry for each epoch, those before a resumed checkpoint included. */
  readonly epochs: readonly EpochLog[]
  /** One entry for each step taken by this call. */
  readonly steps: readonly StepLog[]
  readonly outcome: FitOutcome
  /** What the callback that stopped the training said; null unless one did. */
  readonly reason: string | null
}
