import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Module } from '../nn/module.ts'
import { LRScheduler, ReduceLROnPlateau } from '../optim/scheduler.ts'
import type { FitEnd, FitRun } from './callbacks.ts'
import { Evaluation } from './evaluate.ts'
import type { FitOptions } from './fit.ts'
import type { EpochLog, FitOutcome, History, StepLog } from './history.ts'
import { LateReader } from './late-reader.ts'
import { Mean } from './mean.ts'
import { type Batch, type Batches, BatchStep, batchSizes, forwardOf, ringDepth, samplesOf, targetOf } from './task.ts'

/** One run of {@link fit}: where it stands, and the loop. */
export class FitLoop<K extends string> implements FitRun {
  readonly model: Module
  step = 0
  epoch = 1
  private readonly loader: Batches<K>
  private readonly options: FitOptions<K>
  private readonly trainStep: BatchStep<Record<string, Tensor>>
  private readonly evaluation: Evaluation<K> | null
  private readonly target: (batch: Batch<K>) => Tensor
  private readonly reader = new LateReader(ringDepth)
  private readonly mean = new Mean()
  private readonly epochs: EpochLog[] = []
  private readonly steps: StepLog[] = []
  private reason: string | null = null
  private isPrepared = false

  constructor(model: Module, loader: Batches<K>, options: FitOptions<K>) {
    this.model = model
    this.loader = loader
    this.options = options
    const { loss, optimizer, trainMetrics, validation, update = (value) => optimizer.minimize(value) } = options
    const forward = forwardOf('fit', model, options)
    this.target = targetOf('fit', options)
    this.trainStep = new BatchStep((batch): Record<string, Tensor> => {
      const output = forward(batch as Batch<K>)
      const value = loss(output, batch as Batch<K>)
      update(value)
      return trainMetrics ? { loss: value, output } : { loss: value }
    })
    this.evaluation = validation ? new Evaluation(model, validation, options) : null
  }

  get totalSteps(): number {
    const { steps, epochs = 0 } = this.options
    return steps ?? epochs * this.loader.length
  }

  get totalEpochs(): number {
    return Math.ceil(this.totalSteps / this.loader.length)
  }

  stop(reason: string): void {
    this.reason ??= reason
  }

  /** Trains to the end, tells the callbacks and gives the memory of the plans back. */
  async run(): Promise<History> {
    try {
      let end: FitEnd
      try {
        end = { outcome: await this.train() }
      } catch (error) {
        await this.end({ outcome: 'failed', error })
        throw error
      }
      await this.end(end)
      return { epochs: this.epochs, steps: this.steps, outcome: end.outcome as FitOutcome, reason: this.reason }
    } finally {
      this.trainStep.release()
      this.evaluation?.release()
    }
  }

  private async train(): Promise<FitOutcome> {
    for (const callback of this.callbacks) await callback.onFitStart?.(this)
    while (this.step < this.totalSteps && !this.isStopping) {
      this.model.train()
      await this.trainEpoch()
      await this.reader.drain()
      if (this.signal?.aborted) break
      await this.closeEpoch()
      this.epoch++
    }
    if (this.signal?.aborted) return 'aborted'
    return this.reason === null ? 'finished' : 'stopped'
  }

  private async trainEpoch(): Promise<void> {
    const { optimizer, scheduler } = this.options
    for await (const batch of this.loader) {
      if (!this.isPrepared) await this.prepare(batch)
      await this.reader.room()
      const { steps } = optimizer
      this.takeStep(batch)
      if (scheduler instanceof LRScheduler && optimizer.steps !== steps) scheduler.step()
      if (this.step === this.totalSteps || this.isStopping) break
    }
  }

  private takeStep(batch: Batch<K>): void {
    const { optimizer, trainMetrics } = this.options
    const { lr } = optimizer
    const samples = samplesOf(batch)
    const at = { step: ++this.step, epoch: this.epoch, lr }
    if (!trainMetrics) {
      const { loss } = this.trainStep.run(batch)
      this.reader.add([loss as Tensor], ([value]) => this.note({ ...at, loss: value?.[0] as number }, samples))
      return
    }
    const target = this.target(batch)
    const wanted = target.data()
    wanted.catch(() => undefined)
    const { loss, output } = this.trainStep.run(batch) as { loss: Tensor; output: Tensor }
    const { shape } = output
    this.reader.add([loss, output], async ([value, data]) => {
      this.note({ ...at, loss: value?.[0] as number }, samples)
      const expected = { data: await wanted, shape: target.shape }
      for (const metric of Object.values(trainMetrics)) metric.update({ data: data ?? [], shape }, expected)
    })
  }

  /** A loss has arrived. */
  private note(log: StepLog, samples: number): void {
    const { loss, step, epoch } = log
    if (!Number.isFinite(loss) && (this.options.onNonFinite ?? 'stop') === 'stop')
      fail(
        'fit',
        `the loss of step ${step} in epoch ${epoch} is ${loss}`,
        'lower the learning rate, clip gradients, or look for such values in the data',
      )
    this.mean.add(loss, samples)
    this.steps.push(log)
    for (const callback of this.callbacks) callback.onStep?.(log, this)
  }

  /** Measures the model at the end of an epoch and tells everybody. */
  private async closeEpoch(): Promise<void> {
    const { optimizer, scheduler, trainMetrics = {} } = this.options
    const measured = await this.evaluation?.run()
    const log: Record<string, number> = { epoch: this.epoch, step: this.step, lr: optimizer.lr, loss: this.mean.value }
    this.mean.state = [0, 0]
    for (const [name, value] of Object.entries(measured ?? {})) log[name === 'loss' ? 'valLoss' : name] = value
    for (const [name, metric] of Object.entries(trainMetrics)) {
      log[`train${name.charAt(0).toUpperCase()}${name.slice(1)}`] = metric.compute()
      metric.reset()
    }
    this.epochs.push(log as unknown as EpochLog)
    if (scheduler instanceof ReduceLROnPlateau) scheduler.step(this.monitored(log))
    for (const callback of this.callbacks) await callback.onEpochEnd?.(log as unknown as EpochLog, this)
  }

  private monitored(log: Readonly<Record<string, number>>): number {
    const name = this.options.monitor ?? (this.evaluation ? 'valLoss' : 'loss')
    return log[name] ?? fail('fit', `there is no ${name} to monitor`, `the logs have ${Object.keys(log).join(', ')}`)
  }

  /** Compiles everything that the training is going to run, all of it known from the first batch. */
  private async prepare(batch: Batch<K>): Promise<void> {
    this.isPrepared = true
    let before = 0
    let latest = 0
    const tell = (done: number, total: number): void => {
      latest = total
      for (const callback of this.callbacks) callback.onPrepare?.(before + done, before + total)
    }
    await this.trainStep.prepare(batch, [samplesOf(batch), ...batchSizes(this.loader)], tell)
    before += latest
    await this.evaluation?.prepare(batch, tell)
  }

  private async end(end: FitEnd): Promise<void> {
    for (const callback of this.callbacks) await callback.onFitEnd?.(end, this)
  }

  private get isStopping(): boolean {
    return this.reason !== null || (this.signal?.aborted ?? false)
  }

  private get signal(): AbortSignal | undefined {
    return this.options.signal
  }

  private get callbacks(): NonNullable<FitOptions<K>['callbacks']> {
    return this.options.callbacks ?? []
  }
}
