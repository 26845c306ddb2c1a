import type { TypedArray } from '../dtype.ts'
import { type Compiled, compile } from '../graph/compile.ts'
import type { CompiledPlan } from '../graph/compiled-plan.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import { numel } from '../shape.ts'
import { LateReader } from './late-reader.ts'
import type { HostValues } from './metrics/metric.ts'
import type { Batch, Batches } from './task.ts'

/** How many losses stay readable, and so how far the host runs ahead of them. */
const lossDepth = 32

/** The same where whole outputs are read, which may be large. */
const outputDepth = 8

/** What a step over a batch gives. */
interface StepTensors {
  readonly loss: Tensor
  readonly output: Tensor
}

/** What has been read of a step. */
export interface StepReading {
  readonly loss: number
  /** Samples of its batch. */
  readonly samples: number
  /** What the model gave and what it should have given, where both were asked for. */
  readonly pair: { readonly output: HostValues; readonly target: HostValues } | null
}

/** A step over whole batches, compiled once the names in them are known, whose loss is read late. */
export class BatchStep<K extends string> {
  private readonly fn: (batch: Batch<K>) => StepTensors
  private readonly target: ((batch: Batch<K>) => Tensor) | null
  private readonly depth: number
  private readonly reader: LateReader
  private keys: readonly K[] = []
  private compiled: Compiled<Tensor[], Record<string, Tensor>> | null = null

  /** With `target` the outputs are read too, and what it picks of the batches. */
  constructor(fn: (batch: Batch<K>) => StepTensors, target: ((batch: Batch<K>) => Tensor) | null) {
    this.fn = fn
    this.target = target
    this.depth = target ? outputDepth : lossDepth
    this.reader = new LateReader(this.depth)
  }

  /** Queues the step for a batch; `deliver` is told when its loss has come, in the order of the steps. */
  take(batch: Batch<K>, deliver: (reading: StepReading) => void): void {
    const samples = samplesOf(batch)
    const target = this.target?.(batch)
    // Before the step, while the host still holds what it is going to upload.
    const wanted = target?.data()
    wanted?.catch(() => undefined)
    const step = this.compiledFor(batch)
    const { loss, output } = step(...this.keys.map((key) => batch[key])) as { loss: Tensor; output?: Tensor }
    this.reader.add(output ? [loss, output] : [loss], async ([value, data]) => {
      const pair =
        output && target
          ? {
              output: { data: data as TypedArray, shape: output.shape },
              target: { data: (await wanted) as TypedArray, shape: target.shape },
            }
          : null
      deliver({ loss: value?.[0] as number, samples, pair })
    })
  }

  /** Resolves when another step may be taken: at once, unless too many losses have not come. Throws what went wrong with one. */
  async room(): Promise<void> {
    await this.reader.room()
  }

  /** Resolves when all losses have come. Throws what went wrong with one. */
  async drain(): Promise<void> {
    await this.reader.drain()
  }

  /** The plans for batches like this one with so many samples each, in the modes of the moment. */
  plans(batch: Batch<K>, sizes: Iterable<number>): CompiledPlan[] {
    const step = this.compiledFor(batch)
    return [...new Set(sizes)].map((size) => {
      const like = this.keys.map((key) => {
        const { shape, dtype } = batch[key]
        const wanted = [size, ...shape.slice(1)]
        return tensor(new Float32Array(numel(wanted)), { shape: wanted, dtype })
      })
      return step.planFor(...like)
    })
  }

  /** Gives the memory of the plans back. */
  release(): void {
    this.compiled?.release()
    this.compiled = null
  }

  private compiledFor(batch: Batch<K>): Compiled<Tensor[], Record<string, Tensor>> {
    if (this.compiled) return this.compiled
    this.keys = Object.keys(batch) as K[]
    const { keys, fn, target, depth } = this
    const traced = (...tensors: Tensor[]): Record<string, Tensor> => {
      const { loss, output } = fn(Object.fromEntries(keys.map((key, i) => [key, tensors[i]])) as Batch<K>)
      return target ? { loss, output } : { loss }
    }
    this.compiled = compile(traced, { ring: depth })
    return this.compiled
  }
}

/** Takes memory for plans and compiles their pipelines. */
export async function prepareAll(
  plans: readonly CompiledPlan[],
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const total = plans.reduce((sum, plan) => sum + plan.cost().dispatches, 0)
  let before = 0
  for (const plan of plans) {
    await plan.prepare((done) => onProgress(before + done, total))
    before += plan.cost().dispatches
  }
  onProgress(total, total)
}

/** Samples in a batch. */
export function samplesOf(batch: Batch): number {
  return Object.values(batch)[0]?.shape[0] ?? 0
}

/** How many samples the batches of a loader have: the usual ones, and the last one where it is smaller. */
export function batchSizes({ batchSize, length, dropLast, dataset }: Batches<string>): number[] {
  const rest = dataset.length % batchSize
  const sizes = dataset.length >= batchSize ? [batchSize] : []
  // A sampler may take more or fewer samples than there are; then the last batch is met when it comes.
  const isWhole = length === Math.ceil(dataset.length / batchSize)
  return rest > 0 && isWhole && !dropLast ? [...sizes, rest] : sizes
}
