/** What a run of the main job is asked to do. Plain JSON: it travels to a page. */
export interface TrainOptions {
  epochs: number
  batchSize: number
  learningRate: number
  seed: number
}

/** Digits to train on and to test with: the first `train` images, and the last `test`. */
export interface Digits {
  /** Pixels [train + test, 28, 28], one byte each. */
  images: Uint8Array<ArrayBuffer>
  labels: Uint8Array<ArrayBuffer>
  train: number
  test: number
  /** Where they came from, for people. */
  source: string
}

/** What a run says while it goes on. Plain JSON: it travels from a page. */
export type TrainEvent =
  | { kind: 'adapter'; adapter: AdapterReport }
  | { kind: 'prepare'; done: number; total: number }
  | { kind: 'step'; step: number; steps: number; loss: number; stepsPerSecond: number }
  | { kind: 'epoch'; epoch: number; epochs: number; report: EpochReport }

export interface AdapterReport {
  name: string
  software: boolean
  /** Node's Dawn or a headless Chrome. */
  where: string
}

export interface EpochReport {
  /** Mean of the losses that were read during the epoch. */
  loss: number
  /** Share of the test digits read correctly after it. */
  accuracy: number
  /** Seconds of training, without the test. */
  seconds: number
}

/** A row of the profile: all dispatches of one kernel in one step. */
export interface KernelReport {
  kernel: string
  dispatches: number
  /** GPU time. */
  ms: number
  flops: number
  bytes: number
}

/** What a run leaves: everything the console and the report show. Plain JSON. */
export interface TrainResult {
  adapter: AdapterReport
  options: TrainOptions
  source: string
  train: number
  test: number
  /** Losses that were read, with the step of each. */
  steps: number[]
  losses: number[]
  epochs: EpochReport[]
  stepsPerSecond: number
  parameters: number
  /** `bytes` is what the kernels read and write, `peakBytes` what all buffers take. */
  perStep: { dispatches: number; submits: number; bytes: number; flops: number; peakBytes: number; pipelines: number }
  profile: KernelReport[]
  /** How the times of the profile were taken. */
  clock: 'timestamps' | 'wall'
  /** One step for chrome://tracing or Perfetto. */
  trace: string
  /** For each test digit the digit it was read as, and how sure the network was, 0 to 1. */
  predictions: number[]
  confidence: number[]
}

/** Share of the test digits that were read correctly at the end. */
export function finalAccuracy(result: TrainResult): number {
  return result.epochs.at(-1)?.accuracy ?? 0
}
