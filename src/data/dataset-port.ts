import type { HostArray } from './dataset.ts'
import { type ErrorText, listen, type WorkerPort } from './worker-port.ts'

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
  port.postMessage({ mark, message }, { transfer })
}

/** Hears the messages that {@link post} sends, and no others. */
export function listenForPosts<M extends WorkerRequest | WorkerAnswer>(
  port: WorkerPort,
  hear: (message: M) => void,
): void {
  listen(port, (value) => {
    const envelope = value as { mark?: unknown; message: M } | null | undefined
    if (envelope?.mark === mark) hear(envelope.message)
  })
}
