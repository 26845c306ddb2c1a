import { fail } from '../errors.ts'
import type { CompiledPlan } from '../graph/compiled-plan.ts'
import { noGrad, type Tensor } from '../graph/tensor.ts'
import type { Module } from '../nn/module.ts'
import { LateReader } from './late-reader.ts'
import { Mean } from './mean.ts'
import type { Metric } from './metrics/metric.ts'
import {
  type Batch,
  type Batches,
  BatchStep,
  batchSizes,
  enterEvaluation,
  forwardOf,
  lossDepth,
  outputDepth,
  samplesOf,
  type Task,
  targetOf,
} from './task.ts'

/** Metrics by the names that their values get in logs. */
export type Metrics = Readonly<Record<string, Metric>>

/** Options of {@link evaluate}. */
export interface EvaluateOptions<K extends string> extends Task<K> {
  readonly metrics?: Metrics
}

/**
 * Measures a model on one epoch of batches, in evaluation mode and without gradients.
 *
 * @returns The mean loss over the samples as `loss`, and the value of each metric under its name.
 * @example const { loss, accuracy: share } = await evaluate(model, testLoader, { loss: …, metrics: { accuracy: accuracy() } })
 */
export async function evaluate<K extends string>(
  model: Module,
  loader: Batches<K>,
  options: EvaluateOptions<K>,
): Promise<Record<string, number>> {
  const evaluation = new Evaluation(model, loader, options)
  try {
    return await evaluation.run()
  } finally {
    evaluation.release()
  }
}

/** @internal An evaluation that can be run again and again by the same plans. */
export class Evaluation<K extends string> {
  readonly loader: Batches<K>
  private readonly step: BatchStep<Record<string, Tensor>>
  private readonly depth: number
  private readonly model: Module
  private readonly metrics: Metrics
  private readonly target: (batch: Batch<K>) => Tensor

  constructor(model: Module, loader: Batches<K>, options: EvaluateOptions<K>) {
    const { metrics = {}, loss } = options
    if ('loss' in metrics)
      fail('evaluate', "a metric is named 'loss'", 'that is the name of the mean loss; choose another')
    this.model = model
    this.loader = loader
    this.metrics = metrics
    this.target = targetOf('evaluate', options)
    const forward = forwardOf('evaluate', model, options)
    const isMeasured = Object.keys(metrics).length > 0
    this.depth = isMeasured ? outputDepth : lossDepth
    this.step = new BatchStep((batch): Record<string, Tensor> => {
      return noGrad((): Record<string, Tensor> => {
        const output = forward(batch as Batch<K>)
        const value = loss(output, batch as Batch<K>)
        return isMeasured ? { loss: value, output } : { loss: value }
      })
    }, this.depth)
  }

  /** The mean loss and the metrics over one epoch. */
  async run(): Promise<Record<string, number>> {
    const metrics = Object.entries(this.metrics)
    for (const [, metric] of metrics) metric.reset()
    const mean = new Mean()
    const reader = new LateReader(this.depth)
    const leave = enterEvaluation(this.model)
    try {
      for await (const batch of this.loader) {
        await reader.room()
        this.begin(batch, reader, mean)
      }
      await reader.drain()
    } finally {
      leave()
    }
    if (mean.count === 0) fail('evaluate', 'the loader gave no batches', 'give one with data')
    const values = metrics.map(([name, metric]) => [name, metric.compute()] as const)
    return { loss: mean.value, ...Object.fromEntries(values) }
  }

  /** The plans for the batches of the loader, which are like `batch` but for their number of samples. */
  plans(batch: Batch<K>): CompiledPlan[] {
    const leave = enterEvaluation(this.model)
    try {
      return this.step.plans(batch, batchSizes(this.loader))
    } finally {
      leave()
    }
  }

  release(): void {
    this.step.release()
  }

  private begin(batch: Batch<K>, reader: LateReader, mean: Mean): void {
    const samples = samplesOf(batch)
    const metrics = Object.values(this.metrics)
    if (metrics.length === 0) {
      const { loss } = this.step.run(batch)
      reader.add([loss as Tensor], ([value]) => mean.add(value?.[0] as number, samples))
      return
    }
    const target = this.target(batch)
    // Before the step, while the host still holds what it is going to upload.
    const wanted = target.data()
    wanted.catch(() => undefined)
    const { loss, output } = this.step.run(batch) as { loss: Tensor; output: Tensor }
    const { shape } = output
    reader.add([loss, output], async ([value, data]) => {
      mean.add(value?.[0] as number, samples)
      const expected = { data: await wanted, shape: target.shape }
      for (const metric of metrics) metric.update({ data: data ?? [], shape }, expected)
    })
  }
}
