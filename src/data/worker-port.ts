/**
 * A way to post messages to a worker, or from within one to who started it. `Worker`, `MessagePort` and a worker's own
 * scope have it in pages; `Worker` and `parentPort` of `node:worker_threads` in Node, which listen by `on`.
 */
export interface WorkerPort {
  /** Sends a message. `options` is `{ transfer }`, a list of what moves and is not copied. */
  postMessage(message: unknown, options?: object): void
  /** Listens, in pages. */
  addEventListener?(type: string, listener: (event: Event) => void): void
  /** Listens no more, in pages. */
  removeEventListener?(type: string, listener: (event: Event) => void): void
  /** Listens, in Node. */
  on?(type: string, listener: (value: unknown) => void): unknown
  /** Listens no more, in Node. */
  off?(type: string, listener: (value: unknown) => void): unknown
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
  readonly name: string
  readonly message: string
  readonly stack: string
}

/** Hears the messages that come through a port; the answer stops it. */
export function listen(port: WorkerPort, hear: (message: unknown) => void): () => void {
  const stop = on(port, 'message', hear, (event) => hear((event as MessageEvent<unknown>).data))
  // A MessagePort of a page holds its messages back until it is started.
  if (port instanceof MessagePort) port.start()
  return stop
}

/** Hears why the other side can answer no more; the answer stops it. */
export function listenForEnd(port: WorkerPort, hear: (reason: string) => void): () => void {
  const unreadable = (): void => hear('a message could not be read')
  const stops = [
    on(port, 'messageerror', unreadable, unreadable),
    on(
      port,
      'error',
      (error) => hear(error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
      (event) => {
        // It is told to whoever waits for an answer; the page's console need not tell it too.
        event.preventDefault()
        const { message, filename, lineno } = event as Partial<ErrorEvent>
        hear(message ? `${message} (${filename}:${lineno})` : 'its script could not be loaded')
      },
    ),
    on(
      port,
      'exit',
      (code) => hear(`its thread ended with exit code ${code}`),
      () => undefined,
    ),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** Listens in Node or in a page; the answer stops it. */
function on(
  port: WorkerPort,
  type: string,
  inNode: (value: unknown) => void,
  inPage: (event: Event) => void,
): () => void {
  if (port.on) {
    port.on(type, inNode)
    return () => port.off?.(type, inNode)
  }
  port.addEventListener?.(type, inPage)
  return () => port.removeEventListener?.(type, inPage)
}

/** An error's name and texts, which any thread can read. */
export function errorText(error: unknown): ErrorText {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: '' }
  return { name: error.name, message: error.message, stack: error.stack ?? '' }
}
