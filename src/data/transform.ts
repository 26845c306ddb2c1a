import { fail } from '../errors.ts'
import type { HostArray } from './dataset.ts'
import type { Random } from './random.ts'

/** What a transform may know about the batch it is given. */
export interface BatchContext {
  /** Which samples of the dataset these are. */
  readonly indices: Uint32Array
  readonly epoch: number
  /** Random numbers that follow from the loader's seed, the epoch and the batch alone, so that a resumed run repeats them. */
  readonly random: Random
  /** Aborted when nobody waits for the batch any more. */
  readonly signal: AbortSignal
}

/** Makes one batch on the host from another, before it becomes tensors. */
export type BatchTransform<K extends string, R extends string> = (
  batch: Record<K, HostArray>,
  context: BatchContext,
) => Record<R, HostArray> | Promise<Record<R, HostArray>>

/** A {@link BatchTransform} from one of samples, whose arrays have no batch axis and are the transform's to change. */
export function eachSample<K extends string, R extends string>(
  transform: (sample: Record<K, HostArray>, random: Random) => Record<R, HostArray> | Promise<Record<R, HostArray>>,
): BatchTransform<K, R> {
  return async (batch, { indices, random }) => {
    const samples: Record<R, HostArray>[] = []
    for (let i = 0; i < indices.length; i++) samples.push(await transform(sampleOf(batch, i), random))
    return collate(samples)
  }
}

/**
 * Stacks samples along a new first axis, as PyTorch's `default_collate`: what a dataset that makes its samples one by
 * one returns from `batch`. All samples need the same fields, shapes and types.
 */
export function collate<K extends string>(samples: readonly Record<K, HostArray>[]): Record<K, HostArray> {
  const [first] = samples
  if (first === undefined) fail('collate', 'there are no samples', 'give at least one')
  const parts = Object.entries<HostArray>(first).map(([name, { data, shape, dtype }]): [string, HostArray] => {
    const out = new { f32: Float32Array, i32: Int32Array, u32: Uint32Array }[dtype](data.length * samples.length)
    samples.forEach((sample, i) => {
      const one = (sample as Partial<Record<string, HostArray>>)[name]
      const here = `${dtype} [${shape.join(', ')}]`
      const there = one ? `${one.dtype} [${one.shape.join(', ')}]` : 'missing'
      if (one === undefined || here !== there || one.data.length !== data.length) {
        fail('collate', `${name} is ${there} in sample ${i} and ${here} in the first`, 'samples of a batch must agree')
      }
      out.set(one.data, i * data.length)
    })
    return [name, { data: out, shape: [samples.length, ...shape], dtype }]
  })
  return Object.fromEntries(parts) as Record<K, HostArray>
}

function sampleOf<K extends string>(batch: Record<K, HostArray>, i: number): Record<K, HostArray> {
  const parts = Object.entries<HostArray>(batch).map(([name, { data, shape, dtype }]): [string, HostArray] => {
    const each = data.length / (shape[0] as number)
    return [name, { data: data.subarray(i * each, (i + 1) * each), shape: shape.slice(1), dtype }]
  })
  return Object.fromEntries(parts) as Record<K, HostArray>
}
