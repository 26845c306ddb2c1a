import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Module } from '../nn/module.ts'
import type { GradientAccumulator } from '../optim/accumulate.ts'
import type { ExponentialMovingAverage } from '../optim/ema.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { LRScheduler, ReduceLROnPlateau } from '../optim/scheduler.ts'
import type { Callback } from './callbacks.ts'
import type { Metrics } from './evaluate.ts'
import type { History } from './history.ts'
import { FitLoop } from './loop.ts'
import type { CheckpointOptions } from './saver.ts'
import type { Batches, Task } from './task.ts'

/** What {@link fit} needs of an optimizer; each of `wgrad/optim` has it. */
export type FitOptimizer = Pick<Optimizer<{ lr: number }>, 'groups' | 'steps' | 'clip' | 'lr' | 'minimize'>

/** Options of {@link fit}. Either `epochs` or `steps` says how long to train. */
export interface FitOptions<K extends string> extends Task<K> {
  readonly optimizer: FitOptimizer
  /** How often to see the whole data; those before a resumed checkpoint count. */
  readonly epochs?: number
  /** How many steps to take, where an epoch may end early; those before a resumed checkpoint count. */
  readonly steps?: number
  /** Takes the steps' gradients together, and has the optimizer update once for several of them. */
  readonly accumulator?: GradientAccumulator
  /** Averages of the weights, which follow each update; `average.apply(() => evaluate(…))` measures them. */
  readonly average?: ExponentialMovingAverage
  /** What a step does with its loss, in place of all this: `optimizer.minimize(loss)` and what else you like. */
  readonly update?: (loss: Tensor) => void
  /** An LRScheduler goes on with each update, a ReduceLROnPlateau looks at `monitor` after each epoch. */
  readonly scheduler?: LRScheduler | ReduceLROnPlateau
  /** What a ReduceLROnPlateau looks at; 'valLoss' with validation data and 'loss' without, unless given. */
  readonly monitor?: string
  /** Batches to measure the model on after each epoch. */
  readonly validation?: Batches<K>
  /** Measured on the validation data; in logs under these names. */
  readonly metrics?: Metrics
  /** Measured on the batches that are trained on, as the steps see them; each output is read, which takes time. */
  readonly trainMetrics?: Metrics
  readonly callbacks?: readonly Callback[]
  /** Keeps the training, and goes on from where it was kept. */
  readonly checkpoint?: CheckpointOptions
  /**
   * Measures which kernels are the fastest here before the first step, and remembers them for later starts, as `prepare` with
   * `tune` does; for 20 seconds unless `budgetMs` is given. Those of a checkpoint that is resumed stay. Off unless given.
   */
  readonly tune?: boolean | { readonly budgetMs: number }
  /** Stops the training after the step at hand, or, where that ends an epoch, after its validation. */
  readonly signal?: AbortSignal
  /** Whether a loss that is NaN or infinite ends the training with an error; 'stop' unless given. Metrics refuse NaN in any case. */
  readonly onNonFinite?: 'stop' | 'continue'
}

/**
 * Trains a model: compiles the step and its variants for smaller last batches before the first one runs, then takes steps without
 * waiting for any of them. Losses come back late, at most 32 steps behind; callbacks see them in order.
 *
 * The model is put into training mode, and into evaluation mode while it is measured.
 *
 * @returns Losses and metrics by epoch and by step. Throws where a loss is not finite, naming the step, and what a callback throws.
 * @example
 * const history = await fit(model, new DataLoader(digits, { batchSize: 64, shuffle: true }), {
 *   loss: (output, { y }) => crossEntropy(output, y),
 *   optimizer: new AdamW(model.parameters(), { lr: 1e-3 }),
 *   epochs: 10,
 *   validation: new DataLoader(unseen, { batchSize: 256 }),
 *   metrics: { accuracy: accuracy() },
 *   callbacks: [new EarlyStopping({ patience: 2 })],
 * })
 * console.log(history.epochs.at(-1)?.accuracy)
 */
export async function fit<K extends string>(
  model: Module,
  loader: Batches<K>,
  options: FitOptions<K>,
): Promise<History> {
  const { epochs, steps } = options
  if ((epochs === undefined) === (steps === undefined))
    fail(
      'fit',
      epochs === undefined ? 'neither epochs nor steps is given' : 'both epochs and steps are given',
      'give one of them',
    )
  const [name, count] = epochs === undefined ? ['steps', steps as number] : ['epochs', epochs]
  if (!Number.isInteger(count) || count < 0) fail('fit', `${name} is ${count}`, 'it must be a whole number, 0 or more')
  if (loader.length === 0)
    fail('fit', 'the loader has no batches', 'give data, or a smaller batch where dropLast is set')
  if (options.validation?.length === 0) fail('fit', 'the validation has no batches', 'give it data, or leave it out')
  return new FitLoop(model, loader, options).run()
}
