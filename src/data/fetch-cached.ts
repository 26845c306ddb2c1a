import { WgradError } from '../errors.ts'
import { type ByteCache, openCache } from './byte-cache.ts'
import { receive } from './receive.ts'

/** What the file must be, and how to watch it arrive. */
export interface FetchCachedOptions {
  /** SHA-256 of the file, in hexadecimal. It also names the file in the cache. */
  sha256: string
  /** Size of the file in bytes. */
  bytes: number
  /** Called with the bytes received so far and the bytes expected. Not called when the cache has the file. */
  onProgress?: (received: number, total: number) => void
  /** Gives up when nothing arrives for so long. 20,000 ms unless told. */
  stallMs?: number
  /** Gives up when the caller says so. */
  signal?: AbortSignal
  /** Where to keep files: see {@link openCache}. The machine's usual place unless told. */
  cache?: ByteCache
}

/**
 * Fetches a file once and keeps it: in a folder in Node, in the Cache API in pages. What comes back, from the
 * network or from the cache, has the size and the SHA-256 asked for; a damaged copy in the cache is fetched again.
 *
 * @throws WgradError when the server cannot be reached, answers with an error, stalls, or sends another file.
 */
export async function fetchCached(url: string, options: FetchCachedOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { sha256, bytes, cache = openCache() } = options
  if (!/^[0-9a-f]{64}$/i.test(sha256) || !(Number.isSafeInteger(bytes) && bytes >= 0)) {
    throw new WgradError(
      `fetchCached: sha256 is '${sha256}' and bytes is ${bytes}; give 64 hexadecimal digits and the size of the file`,
    )
  }
  const key = `${sha256.slice(0, 16).toLowerCase()}-${fileName(url)}`
  const kept = await cache.read(key).catch(() => undefined)
  if (kept?.length === bytes && (await hash(kept)) === sha256.toLowerCase()) return kept

  const fetched = await download(url, options)
  const found = await hash(fetched)
  if (found !== sha256.toLowerCase()) {
    throw new WgradError(
      `fetchCached: ${url} has SHA-256 ${found} and ${sha256} was expected; the file there is another one`,
    )
  }
  // A cache that is full or read-only costs the next start a download and this one nothing.
  await cache.write(key, fetched).catch(() => undefined)
  return fetched
}

function download(url: string, options: FetchCachedOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { bytes, onProgress } = options
  return receive('fetchCached', url, options, async (response, pieces) => {
    if (!response.ok || response.body === null) {
      throw new WgradError(`fetchCached: ${url} answered ${response.status} ${response.statusText}; 200 is needed`)
    }
    const file = new Uint8Array(bytes)
    let received = 0
    for await (const piece of pieces) {
      if (received + piece.length > bytes) {
        throw new WgradError(
          `fetchCached: ${url} sent more than the ${bytes} bytes expected; the file there is another one`,
        )
      }
      file.set(piece, received)
      received += piece.length
      onProgress?.(received, bytes)
    }
    if (received !== bytes) {
      throw new WgradError(`fetchCached: ${url} sent ${received} bytes and ${bytes} were expected; try again`)
    }
    return file
  })
}

async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function fileName(url: string): string {
  const path = url.split(/[?#]/, 1)[0] ?? ''
  return path.slice(path.lastIndexOf('/') + 1).replace(/[^\w.-]/g, '_') || 'file'
}
