import type { BenchPlan } from '../../bench/run/bench.ts'
import type { Report } from '../../bench/run/results.ts'

/** What to measure. */
export type Wanted = Pick<BenchPlan, 'suites' | 'contestants' | 'quick' | 'rounds'> & { readonly only: string }

/** What the page asks of the worker that measures. */
export type Calls = {
  /** What the adapter is; rejects where there is none. */
  adapter: { input: null; output: { readonly description: string; readonly software: boolean } }
  /** Measures, and answers with what was measured, also where it was stopped. */
  run: { input: Wanted; output: Report }
  /** Ends the run at hand; returns before it has ended. */
  stop: { input: null; output: null }
}

/** What the worker tells unasked. */
export type Events = {
  /** `done` of `total` parts are behind; `what` is at hand. */
  progress: { readonly done: number; readonly total: number; readonly what: string }
  /** A workload is finished; this is what was measured so far. */
  report: Report
}
