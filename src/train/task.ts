import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Module } from '../nn/module.ts'

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
