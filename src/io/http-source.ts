import { type ReceiveOptions, receive } from '../data/receive.ts'
import { fail } from '../errors.ts'
import type { ByteSource } from './byte-source.ts'

/** Options of {@link httpSource}. */
export interface HttpSourceOptions extends ReceiveOptions {
  /** Bytes that a file may have that only comes whole; 4 GiB unless told. */
  maxBytes?: number
  /** Called while a file comes whole: bytes received, and of how many where the server says so. */
  onProgress?: (received: number, total: number | undefined) => void
}

/** A file on a server, read in parts where the server can. */
export interface HttpSource extends ByteSource {
  /** Whether parts are fetched when they are read; otherwise the whole file was fetched at once. */
  readonly inParts: boolean
}

/** The first request asks for this much, which holds the header of most files. */
const firstBytes = 65_536

const op = 'httpSource'

/**
 * A file on a server, of which only what is read is fetched, by HTTP range requests. A server that knows no ranges, or
 * hides their answers (`Content-Range`) from pages of other origins, sends the whole file at once. Nothing is cached,
 * and no hash is compared: for whole files that must be the right ones there is `fetchCached`.
 *
 * @example
 * const file = await openSafetensors(await httpSource('https://example.com/model.safetensors'))
 * const embedding = await file.read('embeddings.weight')
 *
 * @throws WgradError when the server cannot be reached, answers with an error, or stalls, and when the file changes
 *   between two reads.
 */
export async function httpSource(url: string, options: HttpSourceOptions = {}): Promise<HttpSource> {
  const first = await receive(op, url, ranged(options, 0, firstBytes), async (response, pieces) => {
    const range = contentRange(response)
    if (response.status === 416 && range?.size === 0) return { size: 0, version: '', bytes: new Uint8Array(0) }
    if (response.status === 200) return { bytes: await whole(url, response, pieces, options) }
    if (response.status !== 206) refuse(url, response, '200 or 206 is needed')
    if (range?.size === undefined || range.from !== 0) return null
    if (range.to !== Math.min(firstBytes, range.size)) wrongPart(url, 0, Math.min(firstBytes, range.size), response)
    return { size: range.size, version: versionOf(response), bytes: await part(url, 0, range.to, pieces) }
  })
  if (first?.size === undefined) {
    const bytes = first?.bytes ?? (await fetchWhole(url, options))
    return { size: bytes.length, inParts: false, read: async (from, to) => bytes.slice(from, to) }
  }
  const { size, version, bytes } = first
  return {
    size,
    inParts: true,
    async read(from, to) {
      if (from === to || to <= bytes.length) return bytes.slice(from, to)
      return receive(op, url, ranged(options, from, to), async (response, pieces) => {
        if (response.status !== 206) refuse(url, response, 'it sent parts before, and 206 is needed')
        const range = contentRange(response)
        if (range?.from !== from || range.to !== to) wrongPart(url, from, to, response)
        if (range.size !== size || versionOf(response) !== version) {
          fail(op, `${url} changed while it was read`, 'open it again')
        }
        return part(url, from, to, pieces)
      })
    },
  }
}

function ranged(options: HttpSourceOptions, from: number, to: number): ReceiveOptions {
  return { ...options, headers: { ...options.headers, Range: `bytes=${from}-${to - 1}` } }
}

/** The part that an answer holds (`to` exclusive) and the size of the file, as far as the answer tells. */
function contentRange(response: Response): { from?: number; to?: number; size?: number } | null {
  const found = /^bytes (?:(\d{1,15})-(\d{1,15})|\*)\/(?:(\d{1,15})|\*)$/.exec(
    response.headers.get('Content-Range') ?? '',
  )
  if (!found) return null
  const [, from, last, size] = found
  return {
    ...(from !== undefined && last !== undefined && { from: Number(from), to: Number(last) + 1 }),
    ...(size !== undefined && { size: Number(size) }),
  }
}

/** What changes when the file does. */
function versionOf({ headers }: Response): string {
  return headers.get('ETag') ?? headers.get('Last-Modified') ?? ''
}

async function part(
  url: string,
  from: number,
  to: number,
  pieces: AsyncIterable<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  const asked = to - from
  const place = `the ${asked} bytes from ${from} to ${to}`
  const bytes = await collect(pieces, (received) => {
    if (received > asked) fail(op, `${url} sent more than ${place}`, 'its ranges are wrong')
  })
  if (bytes.length < asked) fail(op, `${url} sent ${bytes.length} of ${place}`, 'try again')
  return bytes
}

function fetchWhole(url: string, options: HttpSourceOptions): Promise<Uint8Array<ArrayBuffer>> {
  return receive(op, url, options, (response, pieces) => {
    if (response.status !== 200) refuse(url, response, '200 is needed')
    return whole(url, response, pieces, options)
  })
}

async function whole(
  url: string,
  response: Response,
  pieces: AsyncIterable<Uint8Array>,
  { maxBytes = 2 ** 32, onProgress }: HttpSourceOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  // The length is that of what travels, which a server may have compressed: it is good for telling progress alone.
  const told = Number(response.headers.get('Content-Length') ?? Number.NaN)
  const total = told >= 0 && !response.headers.has('Content-Encoding') ? told : undefined
  const tooMuch = (bytes: string): never =>
    fail(op, `${url} comes whole and has ${bytes}`, `at most ${maxBytes} are taken (maxBytes)`)
  if (total !== undefined && total > maxBytes) tooMuch(`${total} bytes`)
  return collect(pieces, (received) => {
    if (received > maxBytes) tooMuch('more')
    onProgress?.(received, total)
  })
}

/** All pieces in one. Memory follows what arrived, and never what a header says. */
async function collect(
  pieces: AsyncIterable<Uint8Array>,
  check: (received: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const kept: Uint8Array[] = []
  let received = 0
  for await (const piece of pieces) {
    received += piece.length
    check(received)
    kept.push(piece)
  }
  const bytes = new Uint8Array(received)
  let at = 0
  for (const piece of kept) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

function refuse(url: string, { status, statusText }: Response, right: string): never {
  fail(op, `${url} answered ${status} ${statusText}`, right)
}

function wrongPart(url: string, from: number, to: number, response: Response): never {
  const told = response.headers.get('Content-Range') ?? 'no Content-Range'
  fail(op, `${url} answered '${told}' to a request for bytes ${from} to ${to}`, 'its ranges are wrong')
}
