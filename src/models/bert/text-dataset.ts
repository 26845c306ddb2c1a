import type { Dataset, HostArray } from '../../data/dataset.ts'
import { permutation } from '../../data/random.ts'
import type { Sampler } from '../../data/sampler.ts'
import { fail } from '../../errors.ts'

/** Options of {@link TextDataset}. */
export interface TextDatasetOptions {
  /** The token that fills short texts up; 0 unless given. */
  readonly padId?: number
  /**
   * Batches are as long as their longest text, rounded up to a multiple of this, so that there are few shapes to
   * compile; 8 unless given.
   */
  readonly multipleOf?: number
  /** The longest that rounding makes a batch: the positions of the model. No bound unless given. */
  readonly maxLength?: number
}

/**
 * Texts as tokens with a class each, in batches only as long as their texts: `ids` i32 [n, length], `lengths` i32 [n], `y` i32 [n].
 */
export class TextDataset implements Dataset<'ids' | 'lengths' | 'y'> {
  readonly length: number
  readonly #texts: readonly (readonly number[])[]
  readonly #labels: readonly number[]
  readonly #padId: number
  readonly #multipleOf: number
  readonly #most: number

  /** `texts` are the numbers of tokens, as `BertEncoding.ids`. */
  constructor(texts: readonly (readonly number[])[], labels: readonly number[], options: TextDatasetOptions = {}) {
    const { padId = 0, multipleOf = 8, maxLength = Number.POSITIVE_INFINITY } = options
    if (texts.length !== labels.length)
      fail('TextDataset', `${texts.length} texts and ${labels.length} labels`, 'every text needs one')
    this.length = texts.length
    this.#texts = texts
    this.#labels = labels
    this.#padId = padId
    this.#multipleOf = multipleOf
    this.#most = maxLength
  }

  /** Tokens of each text. */
  get lengths(): number[] {
    return this.#texts.map(({ length }) => length)
  }

  batch(indices: Uint32Array): Record<'ids' | 'lengths' | 'y', HostArray> {
    const texts = Array.from(indices, (i) => this.#texts[i] as readonly number[])
    const longest = Math.max(1, ...texts.map(({ length }) => length))
    const width = Math.max(longest, Math.min(this.#most, Math.ceil(longest / this.#multipleOf) * this.#multipleOf))
    const ids = new Int32Array(texts.length * width).fill(this.#padId)
    texts.forEach((text, row) => {
      ids.set(text, row * width)
    })
    const column = (values: readonly number[]): HostArray => ({
      data: Int32Array.from(values),
      shape: [texts.length],
      dtype: 'i32',
    })
    return {
      ids: { data: ids, shape: [texts.length, width], dtype: 'i32' },
      lengths: column(texts.map(({ length }) => length)),
      y: column(Array.from(indices, (i) => this.#labels[i] as number)),
    }
  }
}

/**
 * All samples in a random order in which those of a batch are of similar length, so that little is spent on padding: stretches of 20
 * batches are sorted by length, and the batches then shuffled.
 */
export function groupByLength(lengths: readonly number[], batchSize: number): Sampler {
  const stretch = 20 * batchSize
  return {
    length: lengths.length,
    order: (generator) => {
      const order = permutation(lengths.length, generator)
      const batches: Uint32Array[] = []
      for (let from = 0; from < order.length; from += stretch) {
        const part = order.slice(from, from + stretch)
        part.sort((a, b) => (lengths[a] as number) - (lengths[b] as number))
        for (let at = 0; at < part.length; at += batchSize) batches.push(part.subarray(at, at + batchSize))
      }
      // A batch that is not full comes last, or all behind it would begin in the middle of another.
      const last = batches.findIndex(({ length }) => length < batchSize)
      const rest = last < 0 ? [] : batches.splice(last, 1)
      const shuffled = Array.from(permutation(batches.length, generator), (i) => batches[i] as Uint32Array)
      const sorted = new Uint32Array(order.length)
      let at = 0
      for (const batch of [...shuffled, ...rest]) {
        sorted.set(batch, at)
        at += batch.length
      }
      return sorted
    },
  }
}
