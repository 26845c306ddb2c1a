import { fail, WgradError } from '../errors.ts'
import { type CheckpointStore, checkedName } from './store.ts'

const table = 'files'

/**
 * A place for checkpoints in the browser's storage, in pages and workers alike: those of one site that give the same
 * `name` share it, also after a reload. Files live in IndexedDB, where one transaction writes a file whole or not at
 * all, also when the page is closed in the middle; it is flushed to the disk before `write` resolves. A browser that
 * runs short of space may drop a site's storage unless `navigator.storage.persist()` was granted.
 *
 * @throws WgradError where there is no IndexedDB, and where the storage is full.
 */
export function browserStore(name = 'checkpoints'): CheckpointStore {
  const database = `wgrad.${checkedName('browserStore', name)}`
  return {
    async read(file) {
      return (
        (await inDatabase(database, 'readonly', (files) => files.get(file) as IDBRequest<Blob | undefined>)) ?? null
      )
    },
    async write(file, content) {
      checkedName('browserStore', file)
      // A transaction ends when nothing is asked of it, so it begins when all bytes are at hand.
      const blob = await new Response(content).blob()
      await inDatabase(database, 'readwrite', (files) => files.put(blob, file))
    },
    async list() {
      const keys = await inDatabase(database, 'readonly', (files) => files.getAllKeys())
      return keys.map(String)
    },
    async delete(file) {
      await inDatabase(database, 'readwrite', (files) => files.delete(file))
    },
  }
}

/** Asks one thing of the table of files, in a transaction of its own; resolves when that is complete. */
async function inDatabase<T>(
  database: string,
  mode: IDBTransactionMode,
  ask: (files: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  if (typeof indexedDB === 'undefined')
    fail('browserStore', 'there is no IndexedDB here', 'use it in a page or a worker, and folderStore in Node')
  const db = await open(database)
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = db.transaction(table, mode, { durability: 'strict' })
      const request = ask(transaction.objectStore(table))
      transaction.oncomplete = () => resolve(request.result)
      transaction.onabort = () => reject(transaction.error)
    })
  } catch (cause) {
    throw new WgradError(`browserStore: ${database} cannot be used (${String(cause)}); what was there before is whole`)
  } finally {
    db.close()
  }
}

function open(database: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(database, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(table)
    request.onsuccess = () => resolve(request.result)
    request.onerror = () =>
      reject(
        new WgradError(`browserStore: ${database} cannot be opened (${request.error}); allow the site to store data`),
      )
  })
}
