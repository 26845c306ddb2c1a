import { fail } from '../errors.ts'

/** A place that keeps files by name: a folder, a browser's storage, memory, or a server of yours. */
export interface CheckpointStore {
  /** The file, or null where there is none of this name. A `Blob` is read piece by piece. */
  read(name: string): Promise<Blob | Uint8Array | null>
  /**
   * Keeps a file, whole or not at all: until it is done, and where it fails, `read` gives what was there before.
   */
  write(name: string, content: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void>
  /** The names of all files. */
  list(): Promise<readonly string[]>
  /** Removes a file; one that is not there is no error. */
  delete(name: string): Promise<void>
}

/** A store in memory: for tests, and for going back within a run. Gone when the page or the process ends. */
export function memoryStore(): CheckpointStore {
  const files = new Map<string, Blob>()
  return {
    read: async (name) => files.get(name) ?? null,
    async write(name, content) {
      files.set(checkedName('memoryStore', name), await new Response(content).blob())
    },
    list: async () => [...files.keys()],
    async delete(name) {
      files.delete(name)
    },
  }
}

/** The name itself, where every store can keep a file under it. */
export function checkedName(op: string, name: string): string {
  if (!/^\w[\w.-]{0,199}$/.test(name))
    fail(op, `the name is ${JSON.stringify(name)}`, 'use letters, digits, _, - and ., at most 200, a dot not first')
  return name
}
