import { fail } from '../errors.ts'
import { type Compiled, compile } from '../graph/compile.ts'
import type { CompiledPlan } from '../graph/compiled-plan.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import type { Module } from '../nn/module.ts'
import { numel } from '../shape.ts'

/** Tensors of a batch, by name. */
export type Batch<K extends string = string> = Readonly<Record<K, Tensor>>

/** Where batches come from; a `DataLoader` is one. Each iteration is an epoch. */
export interface Batches<K extends string> extends AsyncIterable<Record<K, Tensor>> {
  /** Batches in one epoch. */
  readonly length: number
  readonly batchSize: number
  readonly dropLast: boolean
  readonly dataset: { readonly length: number }
}

/** What a model is asked for, and what it is measured by. */
export interface Task<K extends string> {
  /**
   * The scalar to make small, of what the model gave and of the batch. It is traced once for each shape of batch: branches and numbers
   * of JavaScript are frozen with it.
   */
  readonly loss: (output: Tensor, batch: Batch<K>) => Tensor
  /** What the model gives for a batch; `model.forward(batch.x)` unless given. */
  readonly forward?: (batch: Batch<K>) => Tensor
  /** What metrics compare the output with; `batch.y` unless given. */
  readonly target?: (batch: Batch<K>) => Tensor
}

/** @internal How many losses of steps stay readable, and so how far the host runs ahead of them. */
export const lossDepth = 32

/** @internal The same where whole outputs are read, which may be large. */
export const outputDepth = 8

/** @internal A step over whole batches, compiled once their names are known. */
export class BatchStep<Out extends Readonly<Record<string, Tensor>>> {
  private readonly fn: (batch: Batch) => Out
  private readonly depth: number
  private keys: readonly string[] = []
  private compiled: Compiled<Tensor[], Out> | null = null

  /** The outputs of `depth` steps stay readable. */
  constructor(fn: (batch: Batch) => Out, depth: number) {
    this.fn = fn
    this.depth = depth
  }

  /** Queues the step for a batch. */
  run(batch: Batch): Out {
    const step = this.compiledFor(batch)
    return step(...this.keys.map((key) => batch[key] as Tensor))
  }

  /** The plans for batches like this one with so many samples each, in the modes of the moment. */
  plans(batch: Batch, sizes: Iterable<number>): CompiledPlan[] {
    const step = this.compiledFor(batch)
    return [...new Set(sizes)].map((size) => {
      const like = this.keys.map((key) => {
        const { shape, dtype } = batch[key] as Tensor
        return blank({ shape: shape[0] === size ? shape : [size, ...shape.slice(1)], dtype })
      })
      return step.planFor(...like)
    })
  }

  /** Gives the memory of the plans back. */
  release(): void {
    this.compiled?.release()
    this.compiled = null
  }

  private compiledFor(batch: Batch): Compiled<Tensor[], Out> {
    if (this.compiled) return this.compiled
    this.keys = Object.keys(batch)
    const { keys, fn } = this
    this.compiled = compile(
      (...tensors: Tensor[]) => fn(Object.fromEntries(keys.map((key, i) => [key, tensors[i] as Tensor]))),
      { ring: this.depth },
    )
    return this.compiled
  }
}

/** @internal Takes memory for plans and compiles their pipelines. */
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

/** @internal The tensor of a batch under `key`, or an error that says which option to give. */
export function fieldOf(op: string, batch: Batch, key: string, option: string): Tensor {
  return (
    batch[key] ??
    fail(op, `the batches have ${Object.keys(batch).join(', ') || 'nothing'} and no ${key}`, `give \`${option}\``)
  )
}

/** @internal How the output of a task comes about. */
export function forwardOf<K extends string>(op: string, model: Module, task: Task<K>): (batch: Batch<K>) => Tensor {
  return task.forward ?? ((batch) => model.forward(fieldOf(op, batch, 'x', 'forward')))
}

/** @internal What metrics compare outputs with. */
export function targetOf<K extends string>(op: string, task: Task<K>): (batch: Batch<K>) => Tensor {
  return task.target ?? ((batch) => fieldOf(op, batch, 'y', 'target'))
}

/** @internal Samples in a batch. */
export function samplesOf(batch: Batch): number {
  return Object.values(batch)[0]?.shape[0] ?? 0
}

/** @internal How many samples the batches of a loader have: the usual ones, and the last one where it is smaller. */
export function batchSizes({ batchSize, length, dropLast, dataset }: Batches<string>): number[] {
  const rest = dataset.length % batchSize
  const sizes = dataset.length >= batchSize ? [batchSize] : []
  // A sampler may take more or fewer samples than there are; then the last batch is met when it comes.
  const isWhole = length === Math.ceil(dataset.length / batchSize)
  return rest > 0 && isWhole && !dropLast ? [...sizes, rest] : sizes
}

/** @internal Puts a model into evaluation mode; what it answers gives every module the mode back that it had. */
export function enterEvaluation(model: Module): () => void {
  const modules = all(model)
  const modes = modules.map((m) => m.training)
  model.eval()
  return () => {
    modules.forEach((m, i) => {
      m.training = modes[i] as boolean
    })
  }
}

function all(module: Module): Module[] {
  return [module, ...module.children().flatMap(([, child]) => all(child))]
}

/** A tensor that stands for others of its kind while plans are made. */
function blank({ shape, dtype }: Spec): Tensor {
  return tensor(new Float32Array(numel(shape)), { shape, dtype })
}
