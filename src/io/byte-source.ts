import { type FetchCachedOptions, fetchCached } from '../data/fetch-cached.ts'
import { WgradError } from '../errors.ts'

/** Bytes of known length that can be read piece by piece. */
export interface ByteSource {
  /** Length in bytes. */
  readonly size: number
  /** The bytes from `from` to `to` (exclusive), in memory that nobody else holds. */
  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>>
}

/** A file on a server: fetched once, kept in the cache, checked by size and SHA-256. */
export interface RemoteFile extends FetchCachedOptions {
  url: string
}

/** Where a file is read from. In Node, `openAsBlob(path)` of `node:fs` gives a Blob that reads from the disk. */
export type FileSource = Uint8Array | ArrayBuffer | Blob | RemoteFile | ByteSource

/** A source that answers with exactly the bytes asked for, or throws. */
export async function openSource(source: FileSource, op: string): Promise<ByteSource> {
  if (source instanceof ArrayBuffer) return bytesSource(new Uint8Array(source))
  if (source instanceof Uint8Array) return bytesSource(source)
  if (source instanceof Blob) {
    const read = async (from: number, to: number): Promise<Uint8Array<ArrayBuffer>> =>
      new Uint8Array(await source.slice(from, to).arrayBuffer())
    return checked({ size: source.size, read }, op)
  }
  if ('url' in source) return bytesSource(await fetchCached(source.url, source))
  return checked(source, op)
}

function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: async (from, to) => Uint8Array.from(bytes.subarray(from, to)) }
}

function checked(source: ByteSource, op: string): ByteSource {
  const { size } = source
  return {
    size,
    async read(from, to) {
      const bytes = await source.read(from, to)
      if (bytes.length !== to - from) {
        throw new WgradError(
          `${op}: ${bytes.length} bytes came back for ${from} to ${to} of ${size}; the file changed while it was read`,
        )
      }
      return bytes
    },
  }
}
