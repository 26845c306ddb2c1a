/**
 * The training loop, metrics, checkpoints, and calls to a worker.
 *
 * @module wgrad/train
 */

export type { ErrorText } from '../data/worker-port.ts'
export { browserStore } from './browser-store.ts'
export type { Callback, FitEnd, FitRun } from './callbacks.ts'
export {
  type Checkpoint,
  type Loaded,
  type LoadOptions,
  latestCheckpoint,
  loadCheckpoint,
  type Progress,
  readCheckpoint,
  type SaveOptions,
  saveCheckpoint,
} from './checkpoint.ts'
export { EarlyStopping, type EarlyStoppingOptions } from './early-stopping.ts'
export { type EvaluateOptions, evaluate, type Metrics } from './evaluate.ts'
export { type FitOptimizer, type FitOptions, fit } from './fit.ts'
export type { EpochLog, FitOutcome, History, StepLog } from './history.ts'
export type { Json } from './json.ts'
export { jsonLines, type LineFile } from './logs.ts'
export { accuracy, topKAccuracy } from './metrics/accuracy.ts'
export { type Confusion, confusionMatrix } from './metrics/confusion.ts'
export type { DecisionOptions } from './metrics/decisions.ts'
export { type FScoreOptions, f1, precision, recall } from './metrics/f-score.ts'
export type { HostValues, Metric } from './metrics/metric.ts'
export { type PerplexityOptions, perplexity } from './metrics/perplexity.ts'
export { averagePrecision, rocAuc } from './metrics/ranking.ts'
export { mae, r2, rmse } from './metrics/regression.ts'
export type { CheckpointOptions } from './saver.ts'
export { type CheckpointStore, memoryStore } from './store.ts'
export type { Batch, Batches, Task } from './task.ts'
export type { SchedulerPart, Stateful, Training } from './training-state.ts'
export {
  type AnswerMessage,
  type Caller,
  type CallMessage,
  type CallOptions,
  connectPort,
  type Handlers,
  type PortCalls,
  type PortEvents,
  type Server,
  servePort,
  transferred,
} from './worker.ts'
