import type { Dataset, HostArray } from '../../../src/data/dataset.ts'
import { serveDataset } from '../../../src/data/serve-dataset.ts'
import { WgradError } from '../../../src/errors.ts'

/** What a worker does for a sample of its own instead of giving it. */
export const special = { refuse: 90, typeError: 91, wait: 92, throwLater: 93, exit: 94, kept: 95 } as const

const me = Math.floor(Math.random() * 2 ** 30)
const kept = new Float32Array(1_000)
let calledOff = 0
let calls = 0
let last = new Int32Array(1)

const i32 = (...values: number[]): HostArray => ({
  data: Int32Array.from(values),
  shape: [values.length],
  dtype: 'i32',
})

/** 100 samples, of which some misbehave: y is the index, and `from` tells of the worker. */
const dataset: Dataset<'x' | 'y' | 'from'> = {
  length: 100,
  async batch(indices, signal) {
    calls++
    const [first = 0] = indices
    if (first === special.refuse) throw new WgradError('samples: sample 90 is refused; ask for another')
    if (first === special.typeError) throw new TypeError('there is no such thing')
    if (first === special.exit) process.exit(3)
    if (first === special.throwLater) setTimeout(() => throwLater())
    if (first === special.wait || first === special.throwLater) {
      await new Promise((resolve) => signal?.addEventListener('abort', resolve))
      calledOff++
    }
    // A part of an array that stays here, and must not move.
    const part = first === special.kept ? kept.subarray(10, 10 + indices.length) : new Float32Array(indices.length)
    const y = i32(...indices)
    const lastLength = last.length
    last = y.data as Int32Array<ArrayBuffer>
    return {
      x: { data: part, shape: [indices.length], dtype: 'f32' },
      y,
      from: i32(me, calledOff, kept.length, lastLength, calls),
    }
  },
}

function throwLater(): void {
  throw new Error('nobody catches this')
}

serveDataset(dataset)
