import type { HostArray } from './dataset.ts'

/**
 * A way to post messages to a worker, or from within one to who started it. `Worker`, `MessagePort` and a worker's own
 * scope have it in pages; `Worker` and `parentPort` of `node:worker_threads` in Node, which listen by `on`.
 */
export interface WorkerPort {
  /** Sends a message; the buffers of `transfer` move and are not copied. */
  postMessage(message: unknown, transfer: ArrayBuffer[]): void
  /** Listens, in pages. */
  addEventListener?(type: string, listener: (event: Event) => void): void
  /** Listens, in Node. */
  on?(type: string, listener: (value: unknown) => void): unknown
}

/** A worker, seen from who started it. */
export interface WorkerLike extends WorkerPort {
  /** Ends the worker at once. */
  terminate(): unknown
  /** In Node: whether the process lives on for the worker's sake. */
  ref?(): unknown
  /** In Node: lets the process end although the worker is there. */
  unref?(): unknown
}

/** An error on its way between threads. */
export interface ErrorText {
  name: string
  message: string
  stack: string
}

/** What the starting side asks of a dataset's worker. */
export type WorkerRequest = { type: 'batch'; id: number; indices: Uint32Array } | { type: 'cancel'; id: number }

/** What a dataset's worker answers. */
export type WorkerAnswer =
  | { type: 'ready'; length: number }
  | { type: 'failed'; error: ErrorText }
  | { type: 'batch'; id: number; batch: Record<string, HostArray> }
  | { type: 'error'; id: number; error: ErrorText }

/** Messages carry this, so that a worker may have others of its own. */
const mark = 'wgrad dataset'

/** Posts a message; the buffers of `transfer` move and are not copied. */
export function post(port: WorkerPort, message: WorkerRequest | WorkerAnswer, transfer: ArrayBuffer[] = []): void {
  port.postMessage({ mark, message }, transfer)
}

/** Hears the messages that {@link post} sends, and no others. */
export function listen<M extends WorkerRequest | WorkerAnswer>(port: WorkerPort, hear: (message: M) => void): void {
  const receive = (value: unknown): void => {
    const envelope = value as { mark?: unknown; message: M } | null | undefined
    if (envelope?.mark === mark) hear(envelope.message)
  }
  if (port.on) port.on('message', receive)
  else port.addEventListener?.('message', (event) => receive((event as MessageEvent<unknown>).data))
}

/** Hears why a worker can answer no more. */
export function listenForEnd(worker: WorkerLike, hear: (reason: string) => void): void {
  const unreadable = 'a message could not be read'
  if (worker.on) {
    worker.on('error', (error) => hear(error instanceof Error ? `${error.name}: ${error.message}` : String(error)))
    worker.on('messageerror', () => hear(unreadable))
    worker.on('exit', (code) => hear(`its thread ended with exit code ${code}`))
    return
  }
  worker.addEventListener?.('messageerror', () => hear(unreadable))
  worker.addEventListener?.('error', (event) => {
    // It is told to whoever waits for a batch; the page's console need not tell it too.
    event.preventDefault()
    const { message, filename, lineno } = event as Partial<ErrorEvent>
    hear(message ? `${message} (${filename}:${lineno})` : 'its script could not be loaded')
  })
}

/** An error's name and texts, which any thread can read. */
export function errorText(error: unknown): ErrorText {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: '' }
  return { name: error.name, message: error.message, stack: error.stack ?? '' }
}
