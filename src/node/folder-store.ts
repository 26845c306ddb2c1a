import { openAsBlob } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fail, WgradError } from '../errors.ts'

/** Files of a folder, each of which is whole. */
export interface FolderStore {
  /** The file, read from the disk piece by piece, or null where there is none of this name. */
  read(name: string): Promise<Blob | null>
  /** Writes a file to the disk, whole or not at all. */
  write(name: string, content: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void>
  /** The names of all files. */
  list(): Promise<string[]>
  /** Removes a file; one that is not there is no error. */
  delete(name: string): Promise<void>
}

/** How files are opened; tests put a disk that fails in its place. */
export interface FolderStoreOptions {
  /** @internal */
  readonly openFile?: (path: string) => Promise<Pick<FileHandle, 'write' | 'sync' | 'close'>>
}

const hour = 3_600_000

/**
 * A folder as a place for checkpoints, made where it is missing. A file is written under a temporary name, flushed to
 * the disk and then renamed, so that a crash, a kill or a full disk leaves either the whole new file or what was there
 * before. Temporary files that a killed process left are removed at the next write.
 *
 * @throws WgradError where the folder cannot be written.
 */
export function folderStore(folder: string, options: FolderStoreOptions = {}): FolderStore {
  const { openFile = (path) => open(path, 'wx') } = options
  const pathOf = (name: string): string => {
    if (!/^\w[\w.-]{0,199}$/.test(name))
      fail('folderStore', `the name is ${JSON.stringify(name)}`, 'use letters, digits, _, - and ., a dot not first')
    return join(folder, name)
  }
  return {
    async read(name) {
      const path = pathOf(name)
      return (await exists(path)) ? openAsBlob(path) : null
    },
    async write(name, content) {
      const path = pathOf(name)
      const part = join(folder, `.${name}.${owner()}.${crypto.randomUUID()}.part`)
      try {
        await mkdir(folder, { recursive: true })
        await removeLitter(folder)
        await writeFlushed(await openFile(part), content)
        await rename(part, path)
        await flushFolder(folder)
      } catch (cause) {
        await content.cancel().catch(() => undefined)
        await rm(part, { force: true }).catch(() => undefined)
        const reason = cause instanceof Error ? cause.message : String(cause)
        throw new WgradError(`folderStore: ${path} cannot be written (${reason}); what was there before is whole`)
      }
    },
    async list() {
      const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
        if (isMissing(cause)) return []
        throw cause
      })
      return entries.flatMap((entry) => (entry.isFile() && !entry.name.startsWith('.') ? [entry.name] : [])).sort()
    },
    async delete(name) {
      await rm(pathOf(name), { force: true })
    },
  }
}

async function writeFlushed(
  file: Pick<FileHandle, 'write' | 'sync' | 'close'>,
  content: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  try {
    const reader = content.getReader()
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        const { value } = next
        for (let at = 0; at < value.length; ) at += (await file.write(value, at)).bytesWritten
      }
    } finally {
      reader.releaseLock()
    }
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A new name in a folder is on the disk when the folder is. Windows cannot flush one and does without. */
async function flushFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Who writes a temporary file: the machine and the process. */
function owner(): string {
  return `${hostname().replace(/[^\w-]/g, '_')}.${process.pid}`
}

/**
 * Removes temporary files of processes of this machine that are gone, and those of other machines that nobody has
 * written to for an hour.
 */
async function removeLitter(folder: string): Promise<void> {
  const [machine] = owner().split('.')
  for (const name of await readdir(folder)) {
    const [, host, pid] = /\.([\w-]+)\.(\d+)\.[\da-f-]{36}\.part$/.exec(name) ?? []
    if (!name.startsWith('.') || host === undefined) continue
    const path = join(folder, name)
    if (host === machine ? !isAlive(Number(pid)) : await isOld(path)) await rm(path, { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as { code?: string }).code === 'EPERM'
  }
}

async function isOld(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null)
  return found !== null && Date.now() - found.mtimeMs > hour
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    (cause: unknown) => {
      if (isMissing(cause)) return false
      throw cause
    },
  )
}

function isMissing(cause: unknown): boolean {
  return (cause as { code?: string }).code === 'ENOENT'
}
