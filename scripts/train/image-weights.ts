import { openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import { openCache } from '../../src/data/index.ts'
import { type FileSource, httpSource, openSafetensors } from '../../src/io/index.ts'
import { type LoadedImageModel, loadImageModel } from '../../src/models/index.ts'
import { Progress } from '../start/console.ts'

/** A classifier of images by the path or URL of its weights; errors name them. */
export async function loadImages(where: string): Promise<LoadedImageModel> {
  const source = await openWeights(where)
  return loadImageModel(source).catch((cause: Error) => {
    throw new Error(`resnet: ${where} holds no weights that can be loaded (${cause.message})`, { cause })
  })
}

/** A file of weights by its path, or by its URL: fetched once, with a bar in the terminal, and kept in the machine's cache. */
export async function openWeights(where: string): Promise<FileSource> {
  if (/^https?:\/\//.test(where)) return fetchOnce(where)
  const refuse = (what: string, cause?: unknown): never => {
    throw new Error(`resnet: ${where} cannot be read (${what}); --weights names a safetensors file or a URL`, { cause })
  }
  const found = await stat(where).catch((cause: Error) => refuse(cause.message, cause))
  return found.isFile() ? openAsBlob(where) : refuse('it is no file')
}

async function fetchOnce(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const cache = openCache()
  const key = await keyOf(url)
  const kept = await cache.read(key).catch(() => undefined)
  if (kept) return kept
  const progress = new Progress()
  progress.line(`Weights: ${url} (fetched once, then cached)`)
  try {
    const bytes = await download(url, (received, total) => progress.download('weights', received, total))
    // Throws for a page that says sorry, and for half a file: neither is to be kept.
    await openSafetensors(bytes)
    // A cache that is full or read-only costs the next start a download and this one nothing.
    await cache.write(key, bytes).catch(() => undefined)
    return bytes
  } finally {
    progress.stop()
  }
}

/** A server that sends parts is asked for as many bytes at a time. */
const piece = 2 ** 22

async function download(
  url: string,
  show: (received: number, total: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const onProgress = (received: number, total = Number.NaN): void => {
    if (received <= total) show(received, total)
  }
  const source = await httpSource(url, { onProgress })
  if (!source.inParts) return source.read(0, source.size)
  const bytes = new Uint8Array(source.size)
  for (let from = 0; from < source.size; from += piece) {
    const to = Math.min(source.size, from + piece)
    bytes.set(await source.read(from, to), from)
    show(to, source.size)
  }
  return bytes
}

/** What the cache calls the file of an address. */
async function keyOf(url: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(url)))
  return `${Buffer.from(digest).toString('hex').slice(0, 32)}.safetensors`
}
