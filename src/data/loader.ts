import { WgradError } from '../errors.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import type { Dataset, HostArray } from './dataset.ts'
import { permutation, random } from './random.ts'

/** How a loader cuts a dataset into batches. */
export interface DataLoaderOptions {
  /** Samples per batch. */
  batchSize: number
  /** Whether each epoch takes the samples in an order of its own. False unless told. */
  shuffle?: boolean
  /** Together with the epoch's number it decides the order: the same seed gives the same batches. 0 unless told. */
  seed?: number
  /** Leave out a last batch smaller than the others. False unless told. */
  dropLast?: boolean
}

/** A loader's place, to keep beside a checkpoint: plain JSON. */
export interface LoaderState {
  seed: number
  /** Epochs finished before the one at hand. */
  epoch: number
  /** Batches of this epoch already handed out. */
  batch: number
}

/**
 * Batches of a dataset, as tensors. Each `for await` is one epoch, in an order that follows from `(seed, epoch)`.
 *
 * @example for await (const { x, y } of new DataLoader(digits, { batchSize: 64, shuffle: true })) step(x, y)
 */
export class DataLoader<K extends string> implements AsyncIterable<Record<K, Tensor>> {
  readonly dataset: Dataset<K>
  readonly batchSize: number
  readonly shuffle: boolean
  readonly dropLast: boolean
  #place: LoaderState
  /** A place that was restored is where the next epoch starts; otherwise one that was left early starts anew. */
  #restored = false

  constructor(dataset: Dataset<K>, options: DataLoaderOptions) {
    const { batchSize, shuffle = false, seed = 0, dropLast = false } = options
    if (!(Number.isInteger(batchSize) && batchSize > 0)) {
      throw new WgradError(`DataLoader: batchSize is ${batchSize}; it must be a whole number above 0`)
    }
    if (!Number.isSafeInteger(seed)) throw new WgradError(`DataLoader: seed is ${seed}; it must be a whole number`)
    this.dataset = dataset
    this.batchSize = batchSize
    this.shuffle = shuffle
    this.dropLast = dropLast
    this.#place = { seed, epoch: 0, batch: 0 }
  }

  /** Batches in one epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  /** Where the loader stands, after the last batch it handed out. */
  state(): LoaderState {
    return { ...this.#place }
  }

  /** Continues from a state: the next `for await` hands out the batch that would have come next. */
  restore(state: LoaderState): void {
    const { seed, epoch, batch } = state
    const whole = [seed, epoch, batch].every(Number.isSafeInteger)
    if (!whole || epoch < 0 || batch < 0 || batch > this.length) {
      throw new WgradError(
        `DataLoader: cannot restore ${JSON.stringify(state)}; it must come from state() of a loader with ${this.length} batches an epoch`,
      )
    }
    this.#place = { seed, epoch, batch }
    this.#restored = true
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Record<K, Tensor>, void, undefined> {
    for await (const batch of this.hostBatches()) {
      const parts = Object.entries<HostArray>(batch).map(([name, part]) => [name, toTensor(part)])
      yield Object.fromEntries(parts)
    }
  }

  /** One epoch of batches as typed arrays, for use without a device. */
  async *hostBatches(): AsyncGenerator<Record<K, HostArray>, void, undefined> {
    const { seed, epoch, batch } = this.#place
    const leftEarly = !this.#restored && batch > 0
    const here = { seed, epoch: leftEarly ? epoch + 1 : epoch, batch: leftEarly ? 0 : batch }
    this.#place = here
    this.#restored = false

    const order = this.order(here.epoch)
    for (; here.batch < this.length; ) {
      const at = here.batch * this.batchSize
      const samples = await this.dataset.batch(order.subarray(at, at + this.batchSize))
      here.batch++
      yield samples
    }
    // Another iteration may have begun while this one was suspended; only the newest one moves the loader.
    if (this.#place === here) this.#place = { seed, epoch: here.epoch + 1, batch: 0 }
  }

  /** The order in which an epoch takes the samples. */
  order(epoch: number): Uint32Array {
    const n = this.dataset.length
    if (!this.shuffle) return Uint32Array.from({ length: n }, (_, i) => i)
    return permutation(n, random(this.#place.seed, epoch))
  }
}

function toTensor({ data, shape, dtype }: HostArray): Tensor {
  return tensor(data, { shape, dtype })
}
