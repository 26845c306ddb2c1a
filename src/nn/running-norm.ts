import { fail } from '../errors.ts'
import { mutate } from '../graph/mutate.ts'
import { runEffects } from '../graph/realize.ts'
import { noGrad, type Tensor } from '../graph/tensor.ts'
import { activeTrace } from '../graph/trace.ts'
import { mul } from '../ops/arithmetic.ts'
import { full } from '../ops/elementwise.ts'
import { hostScalar } from '../ops/random.ts'
import { runningAverageOp } from '../ops/running-average.ts'
import { formatShape } from '../shape.ts'
import { Module } from './module.ts'
import { Buffer, Counter, Parameter } from './parameter.ts'

/** Options of the norms that may keep running averages of their statistics. */
export interface RunningNormOptions {
  /** Added to the variance; 1e-5 unless given. */
  readonly eps?: number
  /** The share of a batch's statistics in the new averages; 0.1 unless given. Null weighs all batches so far alike. */
  readonly momentum?: number | null
  /** Has a `weight`, which starts at 1, and a `bias`, which starts at 0. */
  readonly affine?: boolean
  /** Averages the statistics while training and takes these averages in evaluation, where without them the input's own count. */
  readonly trackRunningStats?: boolean
}

/** What brings statistics into running averages, where {@link holdStatistics} holds it back. */
let held: (() => void)[] | null = null

/** Calls `fn`, and holds back what its norms would do to their running averages: the caller does it where state may change. */
export function holdStatistics<T>(fn: () => T): { readonly value: T; readonly held: readonly (() => void)[] } {
  const before = held
  const own: (() => void)[] = []
  held = own
  try {
    return { value: fn(), held: own }
  } finally {
    held = before
  }
}

/** What batch and instance norms of all ranks share. `ranks` are the inputs they take, by the number of axes, up to the channels. */
export abstract class RunningNorm extends Module {
  /** [numFeatures], null without `affine`. */
  readonly weight: Parameter | null
  /** [numFeatures], null without `affine`. */
  readonly bias: Parameter | null
  /** [numFeatures], null without `trackRunningStats`. */
  readonly runningMean: Buffer | null
  /** [numFeatures], over n - 1; null without `trackRunningStats`. */
  readonly runningVar: Buffer | null
  /** Batches seen in training; null without `trackRunningStats`. */
  readonly numBatchesTracked: Counter | null
  readonly numFeatures: number
  readonly eps: number
  readonly momentum: number | null
  /** The name of the class, for messages. */
  protected readonly label: string
  private readonly ranks: Readonly<Record<number, string>>

  constructor(
    label: string,
    ranks: Readonly<Record<number, string>>,
    numFeatures: number,
    { eps = 1e-5, momentum = 0.1, affine = false, trackRunningStats = false }: RunningNormOptions,
  ) {
    super()
    this.label = label
    this.ranks = ranks
    this.numFeatures = numFeatures
    this.eps = eps
    this.momentum = momentum
    this.weight = affine ? new Parameter(full([numFeatures], 1), `${label}.weight`) : null
    this.bias = affine ? new Parameter(full([numFeatures], 0), `${label}.bias`) : null
    this.runningMean = trackRunningStats ? new Buffer(full([numFeatures], 0), `${label}.running_mean`) : null
    this.runningVar = trackRunningStats ? new Buffer(full([numFeatures], 1), `${label}.running_var`) : null
    this.numBatchesTracked = trackRunningStats ? new Counter() : null
  }

  /** Throws unless x has one of the ranks and the channels. */
  protected check({ shape }: Tensor): void {
    if (shape.length in this.ranks && shape[shape.length - 1] === this.numFeatures) return
    const wanted = Object.values(this.ranks).map((axes) => `[${axes}, ${this.numFeatures}]`)
    fail(this.label, `the input is ${formatShape(shape)}`, `it must be ${wanted.join(' or ')}`)
  }

  /** Whether the input's own statistics are taken, and not the averages. */
  protected usesInput(): boolean {
    return this.runningMean === null || this.isTraining()
  }

  /** Brings the statistics of a batch of `n` values for each channel, [numFeatures] with the variance over n, into the averages. */
  protected track(mean: Tensor, variance: Tensor, n: number): void {
    if (held) {
      held.push(() => this.track(mean, variance, n))
      return
    }
    const { runningMean, runningVar, numBatchesTracked, momentum } = this
    if (!runningMean || !runningVar || !numBatchesTracked) return
    const { device } = mean
    noGrad(() => {
      const share =
        momentum === null
          ? hostScalar(() => 1 / (numBatchesTracked.value + 1), device)
          : full([], momentum, 'f32', device)
      const inputs = [mean, mul(variance, n / (n - 1)), share]
      runEffects(() =>
        mutate(runningAverageOp, inputs, { channels: this.numFeatures }, [runningMean.variable, runningVar.variable]),
      )
    })
    const count = (): void => {
      numBatchesTracked.value++
    }
    const trace = activeTrace()
    if (trace) trace.hooks.push(count)
    else count()
  }
}
