import { fail } from '../errors.ts'
import { loadCheckpoint, saveCheckpoint } from './checkpoint.ts'
import type { CheckpointStore } from './store.ts'
import type { Stateful, Training } from './training-state.ts'

/** Where and how often a training is kept. */
export interface CheckpointOptions {
  readonly store: CheckpointStore
  /** What the files are called; 'training' unless given. */
  readonly name?: string
  /** Steps between two of them; they are kept after each epoch unless it is given, and at the end in any case. */
  readonly every?: number
  /** How many of the newest stay; 3 unless given. */
  readonly keep?: number
  /** Whether to go on from the newest one, where there is one; true unless given. */
  readonly resume?: boolean
  /** Told of damaged files that were passed over, and of old ones that could not be removed. */
  readonly onWarning?: (message: string) => void
}

/** Keeps a training in checkpoints; steps may go on while one is written. */
export class Saver {
  private readonly options: CheckpointOptions
  private readonly name: string
  private readonly training: Training
  private saving: Promise<unknown> = Promise.resolve()

  constructor(options: CheckpointOptions, training: Training) {
    const { every, name = 'training' } = options
    if (every !== undefined && (!Number.isInteger(every) || every < 1))
      fail('fit', `checkpoint.every is ${every}`, 'it must be a whole number of steps, at least 1')
    this.options = options
    this.name = name
    this.training = training
  }

  /** Puts the training into its newest state, where there is one. */
  async resume(): Promise<void> {
    const { store, resume = true, onWarning } = this.options
    if (resume) await loadCheckpoint(store, this.name, this.training, { ...(onWarning && { onWarning }) })
  }

  /** True after steps at which a checkpoint is due. */
  isDue(step: number): boolean {
    const { every } = this.options
    return every !== undefined && step % every === 0
  }

  /** Keeps the state of this moment; throws what an earlier one failed with. */
  async save(step: number, epoch: number): Promise<void> {
    await this.saving
    const { store, keep, onWarning } = this.options
    this.saving = saveCheckpoint(
      store,
      this.name,
      this.training,
      { step, epoch },
      { ...(keep !== undefined && { keep }), ...(onWarning && { onWarning }) },
    )
    // It is told by the next call or by done.
    this.saving.catch(() => undefined)
  }

  /** Resolves when all is written. */
  async done(): Promise<void> {
    await this.saving
  }
}

/** @internal The loader as a part of a checkpoint. */
export function statefulLoader(loader: object): Stateful {
  if ('state' in loader && 'restore' in loader) return loader as unknown as Stateful
  return fail(
    'fit',
    'checkpoint is given and the loader has no place',
    'give it state() and restore(), as DataLoader has',
  )
}
