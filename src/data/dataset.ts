import { WgradError } from '../errors.ts'

/** Any array of numbers with a fixed element type. */
export type NumberArray =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray

/** Element types a batch can be handed to the device in. */
export type BatchDtype = 'f32' | 'i32' | 'u32'

/** One named array of samples: the first axis of `shape` counts them. */
export interface Field {
  data: NumberArray
  shape: readonly number[]
  /** Element type of the tensors made from it: 'f32' unless told, and 'i32' for labels. */
  dtype?: BatchDtype
  /** Factor applied while a batch is gathered, such as 1 / 255 for bytes that stand for [0, 1]. */
  scale?: number
}

/** A batch on the host, ready to become a tensor. */
export interface HostArray {
  data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>
  shape: number[]
  dtype: BatchDtype
}

/** Where a loader takes samples from: an array, a file, something drawn on demand. */
export interface Dataset<K extends string> {
  /** How many samples there are. */
  readonly length: number
  /**
   * The samples of these indices, stacked along a new first axis, in arrays that are the caller's to keep. A dataset
   * that takes its time may stop when `signal` is aborted, since nobody waits for the batch any more.
   */
  batch(indices: Uint32Array, signal?: AbortSignal): Record<K, HostArray> | Promise<Record<K, HostArray>>
}

/**
 * Samples held in typed arrays. They stay in the type they came in (bytes stay bytes) and are converted and scaled
 * batch by batch.
 *
 * @example new ArrayDataset({ x: { data: pixels, shape: [n, 28, 28, 1], scale: 1 / 255 },
 *                             y: { data: labels, shape: [n], dtype: 'i32' } })
 */
export class ArrayDataset<K extends string> implements Dataset<K> {
  readonly length: number
  readonly fields: Record<K, Field>

  constructor(fields: Record<K, Field>) {
    const named = entries(fields)
    const first = named[0]
    if (first === undefined) throw new WgradError('ArrayDataset: no fields given; give at least one, such as { x, y }')
    const length = first[1].shape[0]
    for (const [name, { data, shape }] of named) {
      const size = shape.reduce((product, n) => product * n, 1)
      if (shape.length === 0 || size !== data.length) {
        throw new WgradError(
          `ArrayDataset: ${name} has ${data.length} elements and shape [${shape.join(', ')}] needs ${size}; the first axis counts samples`,
        )
      }
      if (shape[0] !== length) {
        throw new WgradError(
          `ArrayDataset: ${name} has ${shape[0]} samples and ${first[0]} has ${length}; every field needs the same number`,
        )
      }
    }
    this.length = length ?? 0
    this.fields = fields
  }

  /** Samples `from` to `to` (exclusive) as a dataset of its own that shares the arrays. */
  slice(from: number, to: number = this.length): ArrayDataset<K> {
    if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= this.length)) {
      throw new WgradError(
        `ArrayDataset: slice(${from}, ${to}) of ${this.length} samples; give 0 <= from <= to <= length`,
      )
    }
    const parts = entries(this.fields).map(([name, field]) => {
      const each = sampleSize(field)
      const data = field.data.subarray(from * each, to * each)
      return [name, { ...field, data, shape: [to - from, ...field.shape.slice(1)] }]
    })
    return new ArrayDataset<K>(Object.fromEntries(parts))
  }

  batch(indices: Uint32Array): Record<K, HostArray> {
    const parts = entries(this.fields).map(([name, field]) => [name, this.#gather(field, indices)])
    return Object.fromEntries(parts)
  }

  #gather(field: Field, indices: Uint32Array): HostArray {
    const { data, scale = 1, dtype = 'f32' } = field
    const each = sampleSize(field)
    const out = new { f32: Float32Array, i32: Int32Array, u32: Uint32Array }[dtype](indices.length * each)
    for (let row = 0; row < indices.length; row++) {
      const index = indices[row] as number
      if (index >= this.length) {
        throw new WgradError(`ArrayDataset: sample ${index} asked of ${this.length}; indices go from 0 to length - 1`)
      }
      const from = index * each
      for (let i = 0; i < each; i++) out[row * each + i] = (data[from + i] as number) * scale
    }
    return { data: out, shape: [indices.length, ...field.shape.slice(1)], dtype }
  }
}

function sampleSize(field: Field): number {
  return field.shape.slice(1).reduce((product, n) => product * n, 1)
}

function entries<K extends string>(fields: Record<K, Field>): [K, Field][] {
  return Object.entries(fields) as [K, Field][]
}
