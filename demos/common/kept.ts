import type { CheckpointStore } from 'wgrad/train'
import type { Kept } from './protocol.ts'

const record = 'run.json'
const weights = 'weights.safetensors'

/** One of the two places in a store for the files of a training: one that begins is kept beside the one that it is to replace. */
export type Slot = 'a' | 'b'

/** What is kept of a training beside its files, and where those are. */
export interface KeptRun<S> extends Kept<S> {
  readonly slot: Slot
}

/** The files in one of the places of a store. */
export function slotOf(store: CheckpointStore, slot: Slot): CheckpointStore {
  const prefix = prefixOf(slot)
  return {
    read: (name) => store.read(prefix + name),
    write: (name, content) => store.write(prefix + name, content),
    list: async () =>
      (await store.list()).filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length)),
    delete: (name) => store.delete(prefix + name),
  }
}

/** The record of the training that is kept in a store, null where there is none. */
export async function readKept<S>(store: CheckpointStore): Promise<KeptRun<S> | null> {
  const file = await store.read(record)
  return file ? (JSON.parse(await new Response(file as Blob).text()) as KeptRun<S>) : null
}

/** Keeps the record; from then on the training in its slot is the one that is kept. */
export async function writeKept<S>(store: CheckpointStore, kept: KeptRun<S>): Promise<void> {
  await store.write(record, streamOf(JSON.stringify(kept)))
}

/** Forgets the files that are not in this slot; all of them for null. */
export async function keepOnly(store: CheckpointStore, slot: Slot | null): Promise<void> {
  for (const name of await store.list())
    if (name !== record && !(slot && name.startsWith(prefixOf(slot)))) await store.delete(name)
}

/** The weights that a training began with where it began with a file, null where it did not. */
export async function readFirstWeights(store: CheckpointStore): Promise<Blob | Uint8Array | null> {
  return store.read(weights)
}

/** Makes a training begin with the weights of a file. */
export async function writeFirstWeights(store: CheckpointStore, file: Uint8Array<ArrayBuffer>): Promise<void> {
  await store.write(weights, streamOf(file))
}

function prefixOf(slot: Slot): string {
  return `${slot}.`
}

function streamOf(content: string | Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([content]).stream()
}
