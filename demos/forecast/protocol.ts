import type { TrainerCalls, TrainerEvents } from '../common/protocol.ts'
import type { StepsEvent } from '../common/step-watcher.ts'

/** Where the series comes from. */
export type SeriesSource = 'weather' | 'stock' | 'file'

/** What decides a training, all of it: the same settings give the same bits on the same device. */
export interface Settings {
  readonly series: SeriesSource
  /** The column to forecast; the first of numbers where it is empty. */
  readonly target: string
  readonly cell: 'lstm' | 'gru' | 'rnn'
  /** Rows that a forecast sees. */
  readonly window: number
  /** Rows to forecast. */
  readonly horizon: number
  /** Width of the recurrent layer. */
  readonly hidden: number
  readonly learningRate: number
}

/** What the page asks of the worker. */
export type Calls = TrainerCalls<Settings> & {
  /** A CSV file to forecast: answers with its columns of numbers. Rejects where there is nothing to forecast in it. */
  file: { input: Uint8Array<ArrayBuffer>; output: { readonly columns: readonly string[]; readonly rows: number } }
}

/** A way to forecast, and the root of its mean squared error on the test, in units of the series. */
export interface Rival {
  readonly name: string
  readonly rmse: number
}

/** What the worker tells unasked. */
export type Events = TrainerEvents & {
  /** The series is there. */
  series: { readonly source: string; readonly columns: readonly string[] }
  steps: StepsEvent
  /** The test was forecast anew: the last of its rows, each from all that was measured before, and the rows after the end. */
  forecast: {
    readonly target: string
    /** Numbers of the rows. */
    readonly rows: Float64Array<ArrayBuffer>
    /** NaN where a value is missing, or not there yet. */
    readonly truth: Float64Array<ArrayBuffer>
    /** Levels 0.1, 0.5 and 0.9 of each row. */
    readonly low: Float64Array<ArrayBuffer>
    readonly middle: Float64Array<ArrayBuffer>
    readonly high: Float64Array<ArrayBuffer>
    readonly rmse: number
    readonly rivals: readonly Rival[]
    /** Share of the truth between the levels 0.1 and 0.9. */
    readonly covered: number
  }
}
