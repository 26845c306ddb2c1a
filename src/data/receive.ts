import { WgradError } from '../errors.ts'

/** How long to wait, and for whom. */
export interface ReceiveOptions {
  /** Gives up when nothing arrives for so long. 20,000 ms unless told. */
  stallMs?: number
  /** Gives up when the caller says so. */
  signal?: AbortSignal
  headers?: Record<string, string>
}

/**
 * Fetches an address and lets `take` read the answer, piece by piece. What goes wrong on the way is told as an error
 * of `op`; when `take` ends or throws, what has not arrived is called off.
 */
export async function receive<T>(
  op: string,
  url: string,
  options: ReceiveOptions,
  take: (response: Response, pieces: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const { stallMs = 20_000, signal, headers = {} } = options
  const stop = new AbortController()
  const onAbort = (): void => stop.abort(signal?.reason)
  if (signal?.aborted) onAbort()
  signal?.addEventListener('abort', onAbort)
  const stalled = (): void => stop.abort(new Error(`nothing arrived for ${stallMs / 1000} s`))
  let watch = setTimeout(stalled, stallMs)
  try {
    const response = await fetch(url, { signal: stop.signal, headers })
    const arrived = (): void => {
      clearTimeout(watch)
      watch = setTimeout(stalled, stallMs)
    }
    return await take(response, pieces(response, arrived))
  } catch (cause) {
    if (cause instanceof WgradError) throw cause
    const reason = stop.signal.aborted ? stop.signal.reason : cause
    throw new WgradError(`${op}: ${url} cannot be fetched (${describe(reason)}); check the network or the address`)
  } finally {
    clearTimeout(watch)
    signal?.removeEventListener('abort', onAbort)
    stop.abort()
  }
}

async function* pieces(response: Response, arrived: () => void): AsyncGenerator<Uint8Array, void, undefined> {
  if (response.body === null) return
  const reader = response.body.getReader()
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    arrived()
    yield value
  }
}

/** The message of an error, with the one under it: "fetch failed" alone says nothing. */
function describe(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason)
  return reason.cause instanceof Error ? `${reason.message}: ${reason.cause.message}` : reason.message
}
