import type { Dataset, HostArray, Sampler } from '../../src/data/index.ts'
import { WgradError } from '../../src/errors.ts'

/** A text as numbers of its characters. */
export interface Text {
  /** The characters that occur, in the order of their code points; a number stands for its place here. */
  readonly characters: readonly string[]
  readonly ids: Int32Array
}

/** Reads a text; characters are code points. */
export function readText(text: string): Text {
  const all = Array.from(text)
  const characters = [...new Set(all)].sort((a, b) => (a.codePointAt(0) as number) - (b.codePointAt(0) as number))
  const places = new Map(characters.map((c, i) => [c, i]))
  return { characters, ids: Int32Array.from(all, (c) => places.get(c) as number) }
}

/** Stretches of a text: x [n, length] and y, the character after each of x. */
export class TextWindows implements Dataset<'x' | 'y'> {
  readonly length: number
  readonly #ids: Int32Array
  readonly #size: number
  readonly #stride: number

  /** Windows of `size` characters that begin `stride` characters apart. */
  constructor(ids: Int32Array, size: number, stride: number) {
    this.length = Math.max(0, Math.floor((ids.length - size - 1) / stride) + 1)
    if (this.length === 0)
      throw new WgradError(`char-lstm: ${ids.length} characters are no window of ${size}; give a longer text`)
    this.#ids = ids
    this.#size = size
    this.#stride = stride
  }

  batch(indices: Uint32Array): Record<'x' | 'y', HostArray> {
    const gather = (shift: number): HostArray => {
      const data = new Int32Array(indices.length * this.#size)
      indices.forEach((index, row) => {
        const start = index * this.#stride + shift
        data.set(this.#ids.subarray(start, start + this.#size), row * this.#size)
      })
      return { data, shape: [indices.length, this.#size], dtype: 'i32' }
    }
    return { x: gather(0), y: gather(1) }
  }
}

/** Draws `length` of `n` samples for an epoch, any of them more than once. */
export function drawn(n: number, length: number): Sampler {
  return { length, order: (generator) => Uint32Array.from({ length }, () => generator.below(n)) }
}
