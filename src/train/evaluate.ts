import { fail } from '../errors.ts'
import type { CompiledPlan } from '../graph/compiled-plan.ts'
import { noGrad } from '../graph/tensor.ts'
import type { Module } from '../nn/module.ts'
import { BatchStep, batchSizes } from './batch-step.ts'
import { Mean } from './mean.ts'
import type { Metric } from './metrics/metric.ts'
import { type Batch, type Batches, enterEvaluation, forwardOf, type Task, targetOf } from './task.ts'

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
  private readonly model: Module
  private readonly loader: Batches<K>
  private readonly metrics: Metrics
  private readonly step: BatchStep<K>

  constructor(model: Module, loader: Batches<K>, options: EvaluateOptions<K>) {
    const { metrics = {}, loss } = options
    for (const name of ['epoch', 'step', 'lr', 'loss', 'valLoss'])
      if (name in metrics) fail('evaluate', `a metric is named ${name}`, 'logs have another value of this name')
    this.model = model
    this.loader = loader
    this.metrics = metrics
    const forward = forwardOf('evaluate', model, options)
    const isMeasured = Object.keys(metrics).length > 0
    this.step = new BatchStep(
      (batch) =>
        noGrad(() => {
          const output = forward(batch)
          return { loss: loss(output, batch), output }
        }),
      isMeasured ? targetOf('evaluate', options) : null,
    )
  }

  /** The mean loss and the metrics over one epoch. */
  async run(): Promise<Record<string, number>> {
    const metrics = Object.entries(this.metrics)
    for (const [, metric] of metrics) metric.reset()
    const mean = new Mean()
    const leave = enterEvaluation(this.model)
    try {
      for await (const batch of this.loader) {
        await this.step.room()
        this.step.take(batch, ({ loss, samples, pair }) => {
          mean.add(loss, samples)
          if (pair) for (const [, metric] of metrics) metric.update(pair.output, pair.target)
        })
      }
      await this.step.drain()
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
}
