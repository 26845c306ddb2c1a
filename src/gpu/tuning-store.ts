import { WgradError } from '../errors.ts'

/** Where measured answers are kept between starts: one text, written whole or not at all. */
export interface TuningStore {
  /** The text, or null where none was written yet. */
  read(): Promise<string | null>
  /** Keeps a text in place of the one before. */
  write(text: string): Promise<void>
}

const database = 'wgrad.tuning'
const table = 'texts'
const key = 'answers'

/** The store of a page or a worker, in IndexedDB, shared by all of a site; null where there is no IndexedDB. */
export function browserTuning(): TuningStore | null {
  if (typeof indexedDB === 'undefined') return null
  return {
    async read() {
      const found: unknown = await inTable('readonly', (texts) => texts.get(key))
      return typeof found === 'string' ? found : null
    },
    async write(text) {
      await inTable('readwrite', (texts) => texts.put(text, key))
    },
  }
}

async function inTable<T>(mode: IDBTransactionMode, ask: (texts: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const db = await open()
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = db.transaction(table, mode)
      const request = ask(transaction.objectStore(table))
      transaction.oncomplete = () => resolve(request.result)
      transaction.onabort = () => reject(refusal(transaction.error))
    })
  } finally {
    db.close()
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(database, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(table)
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(refusal(request.error))
  })
}

function refusal(why: DOMException | null): WgradError {
  return new WgradError(`tune: the browser's storage cannot be used (${why}); allow the site to store data`)
}
