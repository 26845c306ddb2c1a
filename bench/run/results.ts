import type { Usage } from '../cell.ts'
import type { Estimate } from './statistics.ts'

/** How a contestant fared with a workload. */
export type Outcome = 'timed' | 'wrong' | 'failed' | 'too long' | 'lacks'

/** One contestant with one workload. */
export interface Row {
  readonly contestant: string
  readonly outcome: Outcome
  /** What is wrong, what was thrown, what is lacking; empty where all is well. */
  readonly message: string
  /** Milliseconds for one run, a sample for each round. Empty unless `timed`. */
  readonly samples: readonly number[]
  /** Median of the samples. */
  readonly ms: number | null
  /** Half the distance between their 10 % and 90 % quantiles, as a share of the median. */
  readonly spread: number | null
  /** Runs in a sample. */
  readonly runs: number
  /** From the setting up to the end of the first run, in milliseconds. */
  readonly firstMs: number | null
  /** Relative error against the reference. */
  readonly error: number | null
  /** Time of this contestant over the time of wgrad, with a bootstrap 95 % interval: above 1 is slower than wgrad. */
  readonly ratio: Estimate | null
  readonly gflops: number | null
  readonly gbps: number | null
  /**
   * Milliseconds that the useful work would take at the nearer roof as it was around each sample; empty where no roof
   * could be measured.
   */
  readonly roofs: readonly number[]
  /** Share of that roof, the median over samples, with a bootstrap 95 % interval; of matrix products, convolutions, norms and attention. */
  readonly roof: Estimate | null
}

/** One kernel in a contestant's training step, all of its dispatches together. */
export interface Kernel {
  readonly contestant: string
  /** The op and its shader. */
  readonly name: string
  readonly dispatches: number
  /** Milliseconds in a step on the GPU's own clock, a sample for each step that was watched. */
  readonly samples: readonly number[]
  /** Mean of the samples, which is right also where the clock has coarse ticks. */
  readonly ms: number
  /** Standard error of the mean, as a share of it. */
  readonly uncertainty: number
  /** Useful work of all dispatches. */
  readonly flops: number
  readonly bytes: number
  /**
   * Milliseconds that its dispatches would take at their nearer roofs as these were around the samples, and its share
   * of the time they took; null where the time is too uncertain.
   */
  readonly ideal: number | null
  readonly roof: number | null
}

/** One workload with all who ran it. */
export interface WorkloadResult {
  readonly suite: string
  readonly name: string
  readonly flops: number
  readonly bytes: number
  readonly rows: readonly Row[]
  /** Of training steps: the kernels of each contestant that can tell, longest first. */
  readonly kernels: readonly Kernel[]
}

/** Traffic between buffers and registers. */
export interface Bandwidth {
  readonly kind: 'copy' | 'read' | 'write'
  /** Of the buffer, or of each of the two of a copy. */
  readonly bytes: number
  /** Bytes read and written, by the wall clock and by the GPU's timestamps. */
  readonly gbps: number
  readonly gbpsByTimestamps: number
}

/** What the adapter can do at most, as measured. */
export interface Roof {
  /** Multiply-adds from registers, two operations each, by the wall clock. */
  readonly gflops: number
  /** The same by the GPU's timestamps; equal to it where there are none. */
  readonly gflopsByTimestamps: number
  readonly bandwidths: readonly Bandwidth[]
  readonly clock: 'timestamps' | 'wall'
}

/** One contestant's training step in the steady state. */
export interface SteadyRow {
  readonly workload: string
  readonly contestant: string
  readonly outcome: Outcome
  readonly message: string
  readonly usage: Usage | null
  /** JavaScript heap and GPU memory after the warm-up and how much more they are at the end, in bytes. */
  readonly heap: number | null
  readonly heapGrowth: number | null
  readonly gpuGrowth: number | null
}

/** Time to a first result in a fresh process with cold pipelines. */
export interface StartupRow {
  readonly workload: string
  readonly contestant: string
  readonly outcome: Outcome
  readonly message: string
  /** From before the import to an open device, and on to the end of the first run; a sample for each start. */
  readonly openMs: readonly number[]
  readonly firstMs: readonly number[]
}

/** The program's whole answer: what `--json` writes. */
export interface Report {
  readonly schema: 'wgrad-bench/2'
  /** When it began, ISO 8601. */
  readonly date: string
  /** `Chrome/147.0` or `Node v22.1.0` */
  readonly host: string
  readonly adapter: string
  /** A CPU pretends to be the GPU: nothing here says how fast a GPU is. */
  readonly software: boolean
  readonly versions: Readonly<Record<string, string>>
  readonly quick: boolean
  /** Ended by Ctrl-C: what was measured until then. */
  readonly interrupted: boolean
  /** The best that was seen in the whole run. */
  readonly roof: Roof | null
  readonly workloads: readonly WorkloadResult[]
  readonly steady: readonly SteadyRow[]
  readonly startup: readonly StartupRow[]
}
