import type { Callback, EpochLog, FitRun, StepLog } from 'wgrad/train'
import { Curve, type CurveState } from './curve.ts'

/** Milliseconds between two tellings of how the steps go. */
const tellEvery = 150

/** Steps were taken. `x` and `y` are the whole curve of losses in few points. */
export interface StepsEvent {
  readonly step: number
  /** Epochs taken, the one at hand by its share. */
  readonly epoch: number
  /** The latest; null before the first step. */
  readonly loss: number | null
  readonly stepsPerSecond: number | null
  readonly x: Float64Array<ArrayBuffer>
  readonly y: Float64Array<ArrayBuffer>
}

/** Accuracies over the steps, one for each time they were measured. */
export interface Accuracies {
  readonly steps: Float64Array<ArrayBuffer>
  readonly accuracies: Float64Array<ArrayBuffer>
}

/** Whom a watcher tells. */
export interface StepListener {
  progress(what: string, share: number | null): void
  steps(event: StepsEvent): void
  measured(accuracy: number): void
}

/** Keeps the curves of a training whose validation measures `accuracy`, over reloads too, and tells a page how it goes. */
export class StepWatcher implements Callback {
  readonly name = 'curves'
  /** Steps taken so far. */
  step = 0
  private readonly stepsPerEpoch: number
  private readonly listener: StepListener
  private readonly losses = new Curve()
  private measured: (readonly [step: number, accuracy: number])[] = []
  private loss: number | null = null
  private speed: number | null = null
  private told = 0
  private mark = { step: 0, at: 0 }

  constructor(stepsPerEpoch: number, listener: StepListener) {
    this.stepsPerEpoch = stepsPerEpoch
    this.listener = listener
  }

  /** What was measured so far. */
  get accuracies(): Accuracies {
    return {
      steps: Float64Array.from(this.measured, ([step]) => step),
      accuracies: Float64Array.from(this.measured, ([, accuracy]) => accuracy),
    }
  }

  /** Tells what stands before the first step of this page; the accuracy begins the curve where there is none yet. */
  begin(accuracy: number): void {
    if (this.measured.length === 0) this.measured.push([this.step, accuracy])
    this.tellAll()
  }

  /** Tells what was measured last, where anything was, and how the steps went. */
  tellAll(): void {
    const last = this.measured.at(-1)
    if (last) this.listener.measured(last[1])
    if (last || this.step > 0) this.tell()
  }

  onFitStart({ step }: FitRun): void {
    this.step = step
    this.speed = null
    this.mark = { step, at: performance.now() }
  }

  onPrepare(done: number, total: number): void {
    this.listener.progress('Compiling shaders', done / total)
  }

  onStep({ step, loss }: StepLog): void {
    this.step = step
    this.loss = loss
    this.losses.add(loss)
    const now = performance.now()
    if (now - this.told < tellEvery) return
    this.told = now
    if (now - this.mark.at > 1000) {
      this.speed = ((step - this.mark.step) * 1000) / (now - this.mark.at)
      this.mark = { step, at: now }
    }
    this.tell()
  }

  onEpochEnd({ step, accuracy = 0 }: EpochLog): void {
    this.measured.push([step, accuracy])
    this.tell()
    this.listener.measured(accuracy)
  }

  onFitEnd(): void {
    this.tell()
  }

  state(): { losses: { [key in keyof CurveState]: CurveState[key] }; accuracies: [number, number][] } {
    return { losses: { ...this.losses.state() }, accuracies: this.measured.map(([step, share]) => [step, share]) }
  }

  restore(state: unknown): void {
    const { losses, accuracies } = state as { losses: CurveState; accuracies: [number, number][] }
    this.losses.restore(losses)
    this.measured = accuracies
  }

  private tell(): void {
    const { x, y } = this.losses.points()
    const loss = this.loss ?? y.at(-1) ?? null
    this.listener.steps({
      ...{ step: this.step, epoch: this.step / this.stepsPerEpoch, loss },
      ...{ stepsPerSecond: this.speed, x, y },
    })
  }
}
