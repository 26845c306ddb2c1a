import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'

const inflate = promisify(brotliDecompress)

/** One plain file of a tar archive. */
export interface TarEntry {
  name: string
  data: Uint8Array
}

/** The plain files of a tar archive; folders and links are skipped. */
export function readTar(bytes: Uint8Array): TarEntry[] {
  const entries: TarEntry[] = []
  const text = (start: number, length: number): string => {
    const field = new TextDecoder().decode(bytes.subarray(start, start + length))
    const end = field.indexOf('\0')
    return end < 0 ? field : field.slice(0, end)
  }
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12).trim() || '0', 8)
    const kind = String.fromCharCode(bytes[at + 156] ?? 0)
    const data = bytes.subarray(at + 512, at + 512 + size)
    if (kind === '0' || kind === '\0') entries.push({ name: text(at, 100), data })
    at += 512 + Math.ceil(size / 512) * 512
  }
  return entries
}

/** Unpacks Brotli-compressed bytes: the files of a tar archive, or one file named `name`. */
export async function unpackBrotli(bytes: Uint8Array, name: string): Promise<TarEntry[]> {
  const data = await inflate(bytes)
  return name.endsWith('.tar') ? readTar(data) : [{ name, data }]
}

/**
 * Writes the entries into `folder` so that the folder is either absent or whole: several processes may ask for
 * the same folder at once, and the first to finish wins. Names that lead out of the folder are skipped.
 */
export async function writeFolder(folder: string, entries: readonly TarEntry[]): Promise<void> {
  const draft = await mkdtemp(`${folder}.`)
  for (const { name, data } of entries) {
    const path = join(draft, name)
    if (!path.startsWith(draft + sep)) continue
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, data)
    await chmod(path, 0o755)
  }
  try {
    await rename(draft, folder)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
  }
}
