import { type ErrorText, errorText, listen, listenForEnd, type WorkerPort } from '../data/worker-port.ts'
import { DeviceLostError, fail, OutOfMemoryError, StaleOutputError, WgradError } from '../errors.ts'

/** What can be asked of the other side: for each name what is given and what comes back. */
export type PortCalls = Record<string, { readonly input: unknown; readonly output: unknown }>

/** What the other side tells unasked: for each name what it says. */
export type PortEvents = Record<string, unknown>

/** What a caller sends: a call, or that it no longer wants the answer to one. */
export type CallMessage<C extends PortCalls> =
  | {
      [K in keyof C]: { readonly kind: 'call'; readonly id: number; readonly name: K; readonly input: C[K]['input'] }
    }[keyof C]
  | { readonly kind: 'cancel'; readonly id: number }

/** What the side that serves sends: an answer, a failure, or an event. */
export type AnswerMessage<C extends PortCalls, E extends PortEvents> =
  | { readonly kind: 'answer'; readonly id: number; readonly output: C[keyof C]['output'] }
  | { readonly kind: 'failure'; readonly id: number; readonly error: ErrorText }
  | { [K in keyof E]: { readonly kind: 'event'; readonly name: K; readonly data: E[K] } }[keyof E]

/** How a call is made. */
export interface CallOptions {
  /** What of the input moves to the other side instead of being copied; it is gone here. */
  readonly transfer?: Transferable[]
  /** Gives the call up: the other side's signal is aborted, and the promise rejects with the reason at once. */
  readonly signal?: AbortSignal
}

/** The side that asks; see {@link connectPort}. */
export interface Caller<C extends PortCalls, E extends PortEvents> {
  /** Asks. Rejects with the error of the other side, its class kept where it is one of wgrad's. */
  call<K extends keyof C & string>(name: K, input: C[K]['input'], options?: CallOptions): Promise<C[K]['output']>
  /** Listens to an event; the answer stops it. */
  on<K extends keyof E & string>(name: K, listener: (data: E[K]) => void): () => void
  /** Rejects what is still asked, and listens no more. A worker is ended by its own `terminate()`. */
  close(): void
}

/** The side that answers; see {@link servePort}. */
export interface Server<E extends PortEvents> {
  /** Tells the other side something. */
  emit<K extends keyof E & string>(name: K, data: E[K], transfer?: Transferable[]): void
  /** Aborts the calls at hand, and listens no more. */
  close(): void
}

/** A function for each call. `signal` is aborted when the caller gives up; the answer may be {@link transferred}. */
export type Handlers<C extends PortCalls> = {
  [K in keyof C]: (input: C[K]['input'], context: { signal: AbortSignal }) => C[K]['output'] | Promise<C[K]['output']>
}

const moving = new WeakMap<object, Transferable[]>()

/** Marks an answer of which `transfer` moves to the other side instead of being copied. */
export function transferred<T extends object>(answer: T, transfer: Transferable[]): T {
  moving.set(answer, transfer)
  return answer
}

/**
 * Answers the calls that come through a port, several at a time. What a handler throws rejects the call of the other
 * side with the same message.
 *
 * @example
 * type Calls = { train: { input: { steps: number }; output: { loss: number } } }
 * const server = servePort<Calls, { step: { loss: number } }>(self, {
 *   async train({ steps }, { signal }) { … server.emit('step', { loss }) … return { loss } },
 * })
 */
export function servePort<C extends PortCalls, E extends PortEvents = Record<never, never>>(
  port: WorkerPort,
  handlers: Handlers<C>,
): Server<E> {
  const running = new Map<number, AbortController>()
  const post = (message: AnswerMessage<C, E>, transfer: Transferable[] = []): void =>
    port.postMessage(message, { transfer })

  const answer = async (message: Extract<CallMessage<C>, { kind: 'call' }>): Promise<void> => {
    const { id, name, input } = message
    const control = new AbortController()
    running.set(id, control)
    try {
      if (!Object.hasOwn(handlers, name)) {
        fail('servePort', `there is no '${String(name)}'`, `call one of ${Object.keys(handlers).join(', ')}`)
      }
      const output = await handlers[name](input, { signal: control.signal })
      post({ kind: 'answer', id, output }, moving.get(Object(output)))
    } catch (error) {
      post({ kind: 'failure', id, error: errorText(error) })
    } finally {
      running.delete(id)
    }
  }
  const stop = listen(port, (value) => {
    const message = value as CallMessage<C>
    if (message.kind === 'cancel') running.get(message.id)?.abort(aborted())
    else if (message.kind === 'call') void answer(message)
  })
  return {
    emit: (name, data, transfer) => post({ kind: 'event', name, data } as AnswerMessage<C, E>, transfer),
    close() {
      stop()
      for (const control of running.values()) control.abort(aborted())
    },
  }
}

interface Waiting {
  resolve(output: unknown): void
  reject(error: unknown): void
}

/**
 * Connects to the side that {@link servePort} answers on. A worker that fails to load, or throws outside of a call,
 * rejects everything that waits.
 *
 * @example
 * const training = connectPort<Calls, Events>(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }))
 * training.on('step', ({ loss }) => console.log(loss))
 * await training.call('train', { steps: 100 }, { signal })
 */
export function connectPort<C extends PortCalls, E extends PortEvents = Record<never, never>>(
  port: WorkerPort,
): Caller<C, E> {
  const waiting = new Map<number, Waiting>()
  const listeners = new Map<keyof E, Set<(data: never) => void>>()
  let next = 0
  let ended: WgradError | null = null

  const receive = (value: unknown): void => {
    const message = value as AnswerMessage<C, E>
    if (message.kind === 'event') {
      for (const listener of listeners.get(message.name) ?? []) listener(message.data as never)
      return
    }
    const call = waiting.get(message.id)
    if (call === undefined) return
    waiting.delete(message.id)
    if (message.kind === 'answer') call.resolve(message.output)
    else call.reject(restore(message.error))
  }
  const end = (why: WgradError): void => {
    ended ??= why
    for (const call of waiting.values()) call.reject(ended)
    waiting.clear()
  }
  const stops = [
    listenForEnd(port, (reason) => end(new WgradError(`connectPort: the worker failed: ${reason}; start a new one`))),
    listen(port, receive),
  ]

  return {
    call<K extends keyof C & string>(name: K, input: C[K]['input'], options: CallOptions = {}) {
      const { transfer = [], signal } = options
      return new Promise<C[K]['output']>((resolve, reject) => {
        if (ended) throw ended
        signal?.throwIfAborted()
        const id = next++
        const cancel = (): void => {
          waiting.delete(id)
          port.postMessage({ kind: 'cancel', id } satisfies CallMessage<C>)
          reject(signal?.reason)
        }
        const settle = <T>(then: (value: T) => void) => {
          return (value: T): void => {
            signal?.removeEventListener('abort', cancel)
            then(value)
          }
        }
        const message = { kind: 'call', id, name, input } as CallMessage<C>
        // What cannot be sent throws here, before anything waits for it.
        port.postMessage(message, { transfer })
        waiting.set(id, { resolve: settle(resolve), reject: settle(reject) })
        signal?.addEventListener('abort', cancel, { once: true })
      })
    },
    on(name, listener) {
      const set = listeners.get(name) ?? new Set()
      listeners.set(name, set.add(listener))
      return () => set.delete(listener)
    },
    close() {
      for (const stop of stops) stop()
      end(new WgradError('connectPort: the connection was closed; connect anew'))
    },
  }
}

const classes: Record<string, new (message: string) => Error> = {
  WgradError,
  DeviceLostError,
  OutOfMemoryError,
  StaleOutputError,
}

function restore({ name, message, stack }: ErrorText): Error {
  if (name === 'AbortError') return new DOMException(message, name)
  const known = classes[name]
  const error = known ? new known(message) : new Error(message)
  error.name = name
  if (stack !== '') error.stack = stack
  return error
}

function aborted(): DOMException {
  return new DOMException('the call was cancelled', 'AbortError')
}
