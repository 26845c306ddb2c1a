import type { Module } from '../nn/module.ts'
import type { EpochLog, FitOutcome, StepLog } from './history.ts'
import type { Json } from './json.ts'
import type { CheckpointStore } from './store.ts'

/** The training that a callback watches. */
export interface FitRun {
  readonly model: Module
  /** Steps taken so far, counting those before a checkpoint that was resumed. */
  readonly step: number
  /** The epoch at hand; counts from 1. */
  readonly epoch: number
  /** Steps there will be in all. */
  readonly totalSteps: number
  /** Epochs there will be, the last perhaps cut short. */
  readonly totalEpochs: number
  /** Where its checkpoints are kept; null where they are not. */
  readonly checkpoint: { readonly store: CheckpointStore; readonly name: string } | null
  /** Ends the training after the step at hand; `reason` is for people. */
  stop(reason: string): void
}

/** How a training ended. */
export interface FitEnd {
  /** 'failed' where {@link fit} is about to throw `error`. */
  readonly outcome: FitOutcome | 'failed'
  readonly error?: unknown
}

/**
 * Watches a training. Every method is optional; one that throws ends the training with its error. Losses come late, so
 * `onStep` is told of a step when later ones are under way already, in the order of the steps and once for each; it must not wait.
 */
export interface Callback {
  /** Under which its state is kept in checkpoints; its place in the list unless given. */
  readonly name?: string
  /** Before the first step, with the model in its final place: loaded, where a checkpoint was resumed. */
  onFitStart?(run: FitRun): void | Promise<void>
  /** While pipelines are compiled. */
  onPrepare?(done: number, total: number): void
  /** For every step, once its loss has come back. */
  onStep?(log: StepLog, run: FitRun): void
  /** After the validation at the end of an epoch; the next one waits for it. */
  onEpochEnd?(log: EpochLog, run: FitRun): void | Promise<void>
  /** After the last step, also where the training failed. */
  onFitEnd?(end: FitEnd, run: FitRun): void | Promise<void>
  /** What the callback must know to go on, kept in checkpoints. */
  state?(): Json
  /** Goes on from what `state` gave; called before {@link onFitStart}. */
  restore?(state: Json): void
}
