import type { CheckpointStore } from 'wgrad/train'
import type { Kept } from './protocol.ts'

const record = 'run.json'
const weights = 'weights.safetensors'

/** The record of the training that is kept in a store, null where there is none. */
export async function readKept<S>(store: CheckpointStore): Promise<Kept<S> | null> {
  const file = await store.read(record)
  return file ? (JSON.parse(await new Response(file as Blob).text()) as Kept<S>) : null
}

/** Keeps the record. */
export async function writeKept<S>(store: CheckpointStore, kept: Kept<S>): Promise<void> {
  await store.write(record, streamOf(JSON.stringify(kept)))
}

/** The weights that a training began with where it began with a file, null where it did not. */
export async function readFirstWeights(store: CheckpointStore): Promise<Blob | Uint8Array | null> {
  return store.read(weights)
}

/** Forgets all that is kept; from then on a training begins with the weights of `file`, where one is given. */
export async function forget(store: CheckpointStore, file: Uint8Array<ArrayBuffer> | null = null): Promise<void> {
  for (const name of await store.list()) await store.delete(name)
  if (file) await store.write(weights, streamOf(file))
}

function streamOf(content: string | Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([content]).stream()
}
