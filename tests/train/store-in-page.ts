import { openDevice } from '../../src/index.ts'
import { browserStore } from '../../src/train/index.ts'
import { type RunResult, run } from './resumable-run.ts'

const store = browserStore('test')

function filled(bytes: number, value: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([new Uint8Array(bytes).fill(value)]).stream() as ReadableStream<Uint8Array<ArrayBuffer>>
}

/** What store-page.test.ts runs in a page. Functions written in the test itself are compiled for Node and cannot import. */
export const storeInPage = {
  /** Trains to a step, after which a checkpoint is kept, or on from one; answers with all bits. */
  async train(options: { from?: string; until: number; saveAt?: number[] }): Promise<RunResult> {
    const device = await openDevice()
    try {
      return await run('sgd', { store, ...options })
    } finally {
      device.close()
    }
  },

  /** Writes, replaces, lists, reads and removes. */
  async roundTrip(): Promise<object> {
    const read = async (name: string): Promise<number[] | null> => {
      const content = await store.read(name)
      return content && Array.from(new Uint8Array(await (content as Blob).arrayBuffer()))
    }
    await store.write('a.bin', filled(2, 1))
    await store.write('a.bin', filled(3, 2))
    await store.write('b', filled(0, 0))
    const before = { files: await store.list(), a: await read('a.bin'), b: await read('b'), c: await read('c') }
    await store.delete('b')
    await store.delete('b')
    const others = await browserStore('other').list()
    const refused = await store.write('.x', filled(1, 1)).catch((error: Error) => error.message)
    return { before, after: await store.list(), others, refused }
  },

  /** What a worker lists and writes. */
  async inWorker(): Promise<unknown> {
    const worker = new Worker(new URL('./store-worker.ts', import.meta.url), { type: 'module' })
    try {
      return await new Promise((resolve, reject) => {
        worker.onmessage = (event) => resolve(event.data)
        worker.onerror = (event) => reject(new Error(event.message))
      })
    } finally {
      worker.terminate()
    }
  },

  /** Writes one file over and over, each time with other bytes; resolves when the first is complete. */
  async writeForEver(megabytes: number): Promise<void> {
    const write = (value: number): Promise<void> => store.write('big', filled(megabytes * 2 ** 20, value))
    await write(1)
    const go = async (): Promise<void> => {
      for (let value = 2; ; value = (value + 1) % 256) await write(value)
    }
    void go()
  },

  /** Length of the file and the different bytes in it. */
  async look(): Promise<{ megabytes: number; values: number[] }> {
    const bytes = new Uint8Array(await new Response((await store.read('big')) as Blob).arrayBuffer())
    return { megabytes: bytes.length / 2 ** 20, values: [...new Set(bytes)] }
  },

  /** The error of a write of so much. */
  write: (megabytes: number): Promise<string> =>
    store.write('big', filled(megabytes * 2 ** 20, 7)).then(
      () => 'written',
      (error: Error) => error.message,
    ),
}

declare global {
  var wgradStore: typeof storeInPage
}

globalThis.wgradStore = storeInPage
