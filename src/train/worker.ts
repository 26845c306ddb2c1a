import { DeviceLostError, fail, OutOfMemoryError, StaleOutputError, WgradError } from '../errors.ts'

/** What can be asked of the other side: for each name what is given and what comes back. */
export type PortCalls = Record<string, { readonly input: unknown; readonly output: unknown }>

/** What the other side tells unasked: for each name what it says. */
export type PortEvents = Record<string, unknown>

/** An error as it crosses to the other side. */
export interface PortError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
}

/** What a caller sends: a call, or that it no longer wants the answer to one. */
export type CallMessage<C extends PortCalls> =
  | {
      [K in keyof C]: { readonly kind: 'call'; readonly id: number; readonly name: K; readonly input: C[K]['input'] }
    }[keyof C]
  | { readonly kind: 'cancel'; readonly id: number }

/** What the side that serves sends: an answer, a failure, or an event. */
export type AnswerMessage<C extends PortCalls, E extends PortEvents> =
  | { readonly kind: 'answer'; readonly id: number; readonly output: C[keyof C]['output'] }
  | { readonly kind: 'failure'; readonly id: number; readonly error: PortError }
  | { [K in keyof E]: { readonly kind: 'event'; readonly name: K; readonly data: E[K] } }[keyof E]

/** A Worker, the `self` of one, or a MessagePort. */
export interface PortLike {
  /** Sends a message; what `transfer` names moves and is not copied. */
  postMessage(message: unknown, options?: { transfer?: Transferable[] }): void
  /** Listens to messages and errors. */
  addEventListener(type: string, listener: (event: Event) => void): void
  /** Listens no more. */
  removeEventListener(type: string, listener: (event: Event) => void): void
}

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
  port: PortLike,
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
      post({ kind: 'failure', id, error: flatten(error) })
    } finally {
      running.delete(id)
    }
  }
  const listener = (event: Event): void => {
    const message = (event as MessageEvent<CallMessage<C>>).data
    if (message.kind === 'cancel') running.get(message.id)?.abort(aborted())
    else if (message.kind === 'call') void answer(message)
  }
  port.addEventListener('message', listener)
  open(port)
  return {
    emit: (name, data, transfer) => post({ kind: 'event', name, data } as AnswerMessage<C, E>, transfer),
    close() {
      port.removeEventListener('message', listener)
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
  port: PortLike,
): Caller<C, E> {
  const waiting = new Map<number, Waiting>()
  const listeners = new Map<keyof E, Set<(data: never) => void>>()
  let next = 0
  let ended: WgradError | null = null

  const receive = (event: Event): void => {
    const message = (event as MessageEvent<AnswerMessage<C, E>>).data
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
  const onError = (event: Event): void => {
    const { message = 'it cannot be loaded' } = event as ErrorEvent
    end(new WgradError(`connectPort: the worker failed: ${message}; start a new one`))
  }
  const onUnreadable = (): void =>
    end(new WgradError('connectPort: a message cannot be read here; send plain data and typed arrays'))
  const heard = { message: receive, error: onError, messageerror: onUnreadable }
  for (const [type, listener] of Object.entries(heard)) port.addEventListener(type, listener)
  open(port)

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
      for (const [type, listener] of Object.entries(heard)) port.removeEventListener(type, listener)
      end(new WgradError('connectPort: the connection was closed; connect anew'))
    },
  }
}

/** MessagePorts hold their messages back until they are started. */
function open(port: PortLike): void {
  if (port instanceof MessagePort) port.start()
}

const classes: Record<string, new (message: string) => Error> = {
  WgradError,
  DeviceLostError,
  OutOfMemoryError,
  StaleOutputError,
}

function flatten(error: unknown): PortError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: undefined }
  return { name: error.name, message: error.message, stack: error.stack }
}

function restore({ name, message, stack }: PortError): Error {
  if (name === 'AbortError') return new DOMException(message, name)
  const known = classes[name]
  const error = known ? new known(message) : new Error(message)
  error.name = name
  if (stack !== undefined) error.stack = stack
  return error
}

function aborted(): DOMException {
  return new DOMException('the call was cancelled', 'AbortError')
}
