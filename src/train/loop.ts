import { fail } from '../errors.ts'
import { tunePlans } from '../graph/compile.ts'
import type { CompiledPlan } from '../graph/compiled-plan.ts'
import type { Tensor } from '../graph/tensor.ts'
import { guarded } from '../graph/trace.ts'
import type { Module } from '../nn/module.ts'
import { LRScheduler, ReduceLROnPlateau } from '../optim/scheduler.ts'
import { BatchStep, batchSizes, prepareAll, samplesOf } from './batch-step.ts'
import type { Callback, FitEnd, FitRun } from './callbacks.ts'
import { Evaluation } from './evaluate.ts'
import type { FitOptions } from './fit.ts'
import type { EpochLog, FitOutcome, History } from './history.ts'
import { Recorder, type RecorderState } from './recorder.ts'
import { Saver, statefulLoader } from './saver.ts'
import { type Batch, type Batches, forwardOf, targetOf } from './task.ts'

/** What the loop itself must know to go on. */
interface LoopState extends RecorderState {
  readonly step: number
  readonly epoch: number
  readonly inEpoch: number
}

/** One run of {@link fit}: where it stands, and the loop. */
export class FitLoop<K extends string> implements FitRun {
  readonly model: Module
  step = 0
  epoch = 1
  /** Steps of the epoch at hand. */
  private inEpoch = 0
  private readonly loader: Batches<K>
  private readonly options: FitOptions<K>
  private readonly trainStep: BatchStep<K>
  private readonly evaluation: Evaluation<K> | null
  private readonly recorder: Recorder
  private readonly saver: Saver | null
  private reason: string | null = null
  private isPrepared = false

  constructor(model: Module, loader: Batches<K>, options: FitOptions<K>) {
    const { loss, trainMetrics, validation, checkpoint } = options
    const update = updateOf(options)
    this.model = model
    this.loader = loader
    this.options = options
    const forward = forwardOf('fit', model, options)
    this.trainStep = new BatchStep(
      (batch) => {
        const output = forward(batch)
        const value = loss(output, batch)
        update(value)
        return { loss: value, output }
      },
      trainMetrics ? targetOf('fit', options) : null,
    )
    this.evaluation = validation ? new Evaluation(model, validation, options) : null
    this.recorder = new Recorder(this, options)
    const { optimizer, scheduler, accumulator, average } = options
    this.saver = checkpoint
      ? new Saver(checkpoint, {
          model,
          optimizer,
          loader: statefulLoader(loader),
          ...(scheduler && { scheduler }),
          ...(accumulator && { accumulator }),
          ...(average && { average }),
          parts: { fit: { state: () => this.state(), restore: (state: LoopState) => this.restore(state) } },
        })
      : null
  }

  get totalSteps(): number {
    const { steps, epochs = 0 } = this.options
    return steps ?? epochs * this.loader.length
  }

  get totalEpochs(): number {
    return Math.ceil(this.totalSteps / this.loader.length)
  }

  get checkpoint(): FitRun['checkpoint'] {
    const { checkpoint } = this.options
    return checkpoint ? { store: checkpoint.store, name: checkpoint.name ?? 'training' } : null
  }

  stop(reason: string): void {
    this.reason ??= reason
  }

  /** Trains to the end, tells the callbacks and gives the memory of the plans back. */
  async run(): Promise<History> {
    const end: FitEnd = await this.train().then(
      (outcome) => ({ outcome }),
      (error: unknown) => ({ outcome: 'failed', error }),
    )
    try {
      // Losses that are under way still come, and what is being written is finished, before anybody is told.
      await this.trainStep.drain().catch(() => undefined)
      await this.saver?.done().catch(() => undefined)
      await this.end(end)
    } finally {
      this.trainStep.release()
      this.evaluation?.release()
    }
    if (end.outcome === 'failed') throw end.error
    const { epochs, steps } = this.recorder
    return { epochs, steps, outcome: end.outcome, reason: this.reason }
  }

  private async train(): Promise<FitOutcome> {
    const { signal, checkpoint } = this.options
    await this.saver?.resume()
    for (const callback of this.callbacks) await callback.onFitStart?.(this)
    // An epoch whose steps are all taken is closed, also where a checkpoint was kept just before that.
    while ((this.step < this.totalSteps || this.inEpoch === this.loader.length) && !this.isStopping) {
      this.model.train()
      await this.trainEpoch()
      await this.trainStep.drain()
      const isWhole = this.inEpoch === this.loader.length
      if (!isWhole) await this.saver?.save(this.step, this.epoch)
      if (!isWhole && signal?.aborted) break
      await this.closeEpoch(isWhole)
      const isDue = !checkpoint?.every || this.step === this.totalSteps || this.isStopping
      if (isWhole && isDue) await this.saver?.save(this.step, this.epoch)
    }
    await this.saver?.done()
    if (signal?.aborted) return 'aborted'
    return this.reason === null ? 'finished' : 'stopped'
  }

  /** Takes the steps of an epoch, or what is left of it. */
  private async trainEpoch(): Promise<void> {
    const { loader, saver } = this
    const { optimizer, scheduler } = this.options
    for await (const batch of loader) {
      if (!this.isPrepared) await this.prepare(batch)
      await this.trainStep.room()
      const { steps } = optimizer
      this.takeStep(batch)
      if (scheduler instanceof LRScheduler && optimizer.steps !== steps) scheduler.step()
      if (saver?.isDue(this.step)) {
        await this.trainStep.drain()
        await saver.save(this.step, this.epoch)
      }
      const isLast = this.step === this.totalSteps || this.isStopping
      // After the last batch of an epoch the loader is asked once more, which moves it on to the next one.
      if (isLast && this.inEpoch < loader.length) return
    }
    if (this.inEpoch !== loader.length)
      fail('fit', `the loader gave ${this.inEpoch} batches`, `its length says that there are ${loader.length}`)
  }

  private takeStep(batch: Batch<K>): void {
    this.inEpoch++
    const at = { step: ++this.step, epoch: this.epoch, lr: this.options.optimizer.lr }
    this.trainStep.take(batch, ({ loss, samples, pair }) => {
      this.recorder.note({ ...at, loss }, samples)
      if (pair) this.recorder.measure(pair.output, pair.target)
    })
  }

  /** Measures the model at the end of an epoch, or where the training ends within one, and tells everybody. */
  private async closeEpoch(isWhole: boolean): Promise<void> {
    const { optimizer, scheduler } = this.options
    const measured = (await this.evaluation?.run()) ?? {}
    const log = this.recorder.close(optimizer.lr, measured)
    if (isWhole && scheduler instanceof ReduceLROnPlateau) scheduler.step(this.monitored(log))
    for (const callback of this.callbacks) await callback.onEpochEnd?.(log, this)
    if (!isWhole) return
    this.epoch++
    this.inEpoch = 0
  }

  private monitored(log: EpochLog): number {
    const name = this.options.monitor ?? (this.evaluation ? 'valLoss' : 'loss')
    return log[name] ?? fail('fit', `there is no ${name} to monitor`, `the logs have ${Object.keys(log).join(', ')}`)
  }

  /** Compiles everything that the training is going to run, all of it known from the first batch. */
  private async prepare(batch: Batch<K>): Promise<void> {
    this.isPrepared = true
    await this.tune(batch)
    const plans = this.plansFor(batch)
    await prepareAll(plans, (done, total) => {
      for (const callback of this.callbacks) callback.onPrepare?.(done, total)
    })
  }

  /** Finds the kernels to use, where that is asked for; a signal ends it like a step. */
  private async tune(batch: Batch<K>): Promise<void> {
    const { tune, signal } = this.options
    if (!tune) return
    const options = { ...(tune !== true && tune), ...(signal && { signal }) }
    await tunePlans(this.plansFor(batch), options).catch((error: unknown) => {
      if (!signal?.aborted) throw error
    })
  }

  private plansFor(batch: Batch<K>): CompiledPlan[] {
    const { accumulator } = this.options
    const sizes = [samplesOf(batch), ...batchSizes(this.loader)]
    const plans: CompiledPlan[] = []
    if (accumulator) {
      const { pending, every } = accumulator
      // The first, the middle and the last micro-batch have plans of their own.
      for (const turn of [0, 1, every - 1].slice(0, every)) {
        accumulator.pending = turn
        plans.push(...this.trainStep.plans(batch, sizes))
      }
      accumulator.pending = pending
    } else plans.push(...this.trainStep.plans(batch, sizes))
    if (this.evaluation) plans.push(...this.evaluation.plans(batch))
    return plans
  }

  /** Tells every callback; the first error is thrown, unless the training failed with one of its own. */
  private async end(end: FitEnd): Promise<void> {
    const failures: unknown[] = []
    for (const callback of this.callbacks) {
      try {
        await callback.onFitEnd?.(end, this)
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0 && end.outcome !== 'failed') throw failures[0]
  }

  private state(): LoopState {
    const { step, epoch, inEpoch } = this
    return { step, epoch, inEpoch, ...this.recorder.state() }
  }

  private restore(state: LoopState): void {
    this.recorder.restore(state)
    this.step = state.step
    this.epoch = state.epoch
    this.inEpoch = state.inEpoch
  }

  private get callbacks(): readonly Callback[] {
    return this.recorder.callbacks
  }

  private get isStopping(): boolean {
    return this.reason !== null || (this.options.signal?.aborted ?? false)
  }
}

/** The update of a step: by the accumulator where there is one, followed by that of the averages when the weights have changed. */
function updateOf<K extends string>({
  optimizer,
  accumulator,
  average,
  update,
}: FitOptions<K>): (loss: Tensor) => void {
  if (update) return update
  return (loss) => {
    const changes = accumulator
      ? guarded('last micro-batch', () => accumulator.pending === accumulator.every - 1)
      : true
    if (accumulator) accumulator.minimize(loss)
    else optimizer.minimize(loss)
    if (changes) average?.update()
  }
}
