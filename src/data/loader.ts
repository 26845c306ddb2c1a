import { fail, WgradError } from '../errors.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import type { Dataset, HostArray } from './dataset.ts'
import { random } from './random.ts'
import { everySample, type Sampler } from './sampler.ts'
import type { BatchTransform } from './transform.ts'

/** How a loader cuts a dataset into batches. */
export interface DataLoaderOptions<K extends string = string, R extends string = K> {
  /** Samples per batch. */
  batchSize: number
  /** Whether each epoch takes the samples in an order of its own. False unless told. */
  shuffle?: boolean
  /** Together with the epoch's number it decides the order: the same seed gives the same batches. 0 unless told. */
  seed?: number
  /** Leave out a last batch smaller than the others. False unless told. */
  dropLast?: boolean
  /** Chooses the samples of an epoch in place of `shuffle`, such as a `WeightedRandomSampler`. */
  sampler?: Sampler
  /** Makes each batch from the dataset's, on the host; `eachSample` makes one of a transform of samples. */
  map?: BatchTransform<K, R>
  /**
   * Batches that are made while the one handed out is worked with. 0 unless told; worth it for a dataset that waits,
   * such as for files, or for workers. They are made at the same time and handed out in order.
   */
  prefetch?: number
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
export class DataLoader<K extends string, R extends string = K> implements AsyncIterable<Record<R, Tensor>> {
  readonly dataset: Dataset<K>
  readonly batchSize: number
  readonly shuffle: boolean
  readonly dropLast: boolean
  readonly prefetch: number
  readonly #map: BatchTransform<K, R> | undefined
  readonly #sampler: Sampler
  #place: LoaderState
  /** A place that was restored is where the next epoch starts; otherwise one that was left early starts anew. */
  #restored = false

  constructor(dataset: Dataset<K>, options: DataLoaderOptions<K, R>) {
    const { batchSize, shuffle = false, seed = 0, dropLast = false, sampler, map, prefetch = 0 } = options
    if (!(Number.isInteger(batchSize) && batchSize > 0)) {
      fail('DataLoader', `batchSize is ${batchSize}`, 'it must be a whole number above 0')
    }
    if (!Number.isSafeInteger(seed)) fail('DataLoader', `seed is ${seed}`, 'it must be a whole number')
    if (!(Number.isInteger(prefetch) && prefetch >= 0)) {
      fail('DataLoader', `prefetch is ${prefetch}`, 'it must be a whole number of batches, 0 or more')
    }
    if (sampler && shuffle) fail('DataLoader', 'shuffle and a sampler are given', 'the sampler decides the order')
    this.dataset = dataset
    this.batchSize = batchSize
    this.shuffle = shuffle
    this.dropLast = dropLast
    this.prefetch = prefetch
    this.#map = map
    this.#sampler = sampler ?? everySample(dataset.length, shuffle)
    this.#place = { seed, epoch: 0, batch: 0 }
  }

  /** Batches in one epoch. */
  get length(): number {
    const batches = this.#sampler.length / this.batchSize
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

  /** The batches of the next epoch, each a record of tensors; goes on within an epoch after {@link restore}. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Record<R, Tensor>, void, undefined> {
    for await (const batch of this.hostBatches()) {
      const parts = Object.entries<HostArray>(batch).map(([name, part]) => [name, toTensor(part)])
      yield Object.fromEntries(parts)
    }
  }

  /** One epoch of batches as typed arrays, for use without a device. */
  async *hostBatches(): AsyncGenerator<Record<R, HostArray>, void, undefined> {
    const { seed, epoch, batch } = this.#place
    const leftEarly = !this.#restored && batch > 0
    const here = { seed, epoch: leftEarly ? epoch + 1 : epoch, batch: leftEarly ? 0 : batch }
    this.#place = here
    this.#restored = false

    const order = this.order(here.epoch)
    const stop = new AbortController()
    const ahead: Promise<Record<R, HostArray>>[] = []
    let next = here.batch
    const startUpTo = (end: number): void => {
      for (; next < Math.min(end, this.length); next++) {
        const made = this.#make(order, here, next, stop.signal)
        // A fault is told when its batch is asked for, and to nobody when the loop ends before.
        made.catch(() => undefined)
        ahead.push(made)
      }
    }
    try {
      while (here.batch < this.length) {
        startUpTo(here.batch + 1 + this.prefetch)
        const made = await (ahead.shift() as Promise<Record<R, HostArray>>)
        here.batch++
        yield made
      }
    } finally {
      stop.abort(new WgradError('DataLoader: the loop over its batches ended; nobody waits for this one'))
    }
    // Another iteration may have begun while this one was suspended; only the newest one moves the loader.
    if (this.#place === here) this.#place = { seed, epoch: here.epoch + 1, batch: 0 }
  }

  async #make(
    order: Uint32Array,
    { seed, epoch }: LoaderState,
    batch: number,
    signal: AbortSignal,
  ): Promise<Record<R, HostArray>> {
    const indices = order.slice(batch * this.batchSize, (batch + 1) * this.batchSize)
    const samples = await this.dataset.batch(indices, signal)
    if (this.#map) return this.#map(samples, { indices, epoch, random: random(seed, epoch, batch), signal })
    // Without a transform R is K.
    return samples as Record<string, HostArray> as Record<R, HostArray>
  }

  /** The order in which an epoch takes the samples. */
  order(epoch: number): Uint32Array {
    return this.#sampler.order(random(this.#place.seed, epoch))
  }
}

function toTensor({ data, shape, dtype }: HostArray): Tensor {
  return tensor(data, { shape, dtype })
}
