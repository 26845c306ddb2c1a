import { fail } from '../errors.ts'
import type { Callback, FitRun } from './callbacks.ts'
import type { Metrics } from './evaluate.ts'
import type { EpochLog, StepLog } from './history.ts'
import type { Json } from './json.ts'
import { Mean } from './mean.ts'
import type { HostValues } from './metrics/metric.ts'

/** What a recorder must know to go on. */
export interface RecorderState {
  readonly epochs: readonly EpochLog[]
  readonly mean: readonly [number, number]
  readonly callbacks: Readonly<Record<string, Json>>
}

/** What of a fit's options is recorded, and who is told. */
export interface RecorderOptions {
  readonly trainMetrics?: Metrics
  readonly callbacks?: readonly Callback[]
  readonly onNonFinite?: 'stop' | 'continue'
}

/** Keeps the logs of a training and tells its callbacks, in the order of the steps. */
export class Recorder {
  readonly epochs: EpochLog[] = []
  readonly steps: StepLog[] = []
  readonly callbacks: readonly Callback[]
  private readonly run: FitRun
  private readonly metrics: Metrics
  private readonly stopsOnNonFinite: boolean
  private readonly mean = new Mean()

  constructor(run: FitRun, { trainMetrics = {}, callbacks = [], onNonFinite = 'stop' }: RecorderOptions) {
    this.run = run
    this.metrics = trainMetrics
    this.callbacks = callbacks
    this.stopsOnNonFinite = onNonFinite === 'stop'
    const names = callbacks.map(nameOf)
    const twice = names.find((name, i) => names.indexOf(name) < i)
    if (twice !== undefined) fail('fit', `two callbacks are named ${twice}`, 'their states need names of their own')
  }

  /** The loss of a step has arrived, which was a mean over `samples`. */
  note(log: StepLog, samples: number): void {
    const { loss, step, epoch } = log
    if (this.stopsOnNonFinite && !Number.isFinite(loss))
      fail(
        'fit',
        `the loss of step ${step}, in epoch ${epoch}, is ${loss}`,
        'lower the learning rate, clip gradients, or look for such values in the data',
      )
    this.mean.add(loss, samples)
    this.steps.push(log)
    for (const callback of this.callbacks) callback.onStep?.(log, this.run)
  }

  /** So has its output. */
  measure(output: HostValues, target: HostValues): void {
    for (const metric of Object.values(this.metrics)) metric.update(output, target)
  }

  /** The log of the epoch that ends now. */
  close(lr: number, measured: Readonly<Record<string, number>>): EpochLog {
    const { epoch, step } = this.run
    const log: Record<string, number> = { epoch, step, lr, loss: this.mean.value }
    this.mean.state = [0, 0]
    for (const [name, value] of Object.entries(measured)) log[name === 'loss' ? 'valLoss' : name] = value
    for (const [name, metric] of Object.entries(this.metrics)) {
      log[trainName(name)] = metric.compute()
      metric.reset()
    }
    this.epochs.push(log as unknown as EpochLog)
    return log as unknown as EpochLog
  }

  state(): RecorderState {
    const states = this.callbacks.flatMap((callback, i) =>
      callback.state ? [[nameOf(callback, i), callback.state()] as const] : [],
    )
    return { epochs: [...this.epochs], mean: this.mean.state, callbacks: Object.fromEntries(states) }
  }

  restore({ epochs, mean, callbacks }: RecorderState): void {
    this.callbacks.forEach((callback, i) => {
      const state = callbacks[nameOf(callback, i)]
      if (state !== undefined) callback.restore?.(state)
    })
    this.epochs.splice(0, Infinity, ...epochs)
    this.mean.state = mean
  }
}

/** `accuracy` -> `trainAccuracy` */
export function trainName(name: string): string {
  return `train${name.charAt(0).toUpperCase()}${name.slice(1)}`
}

function nameOf({ name }: Callback, i: number): string {
  return name ?? String(i)
}
