import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { WgradError } from '../errors.ts'

/** A file that holds measured answers between starts. */
export interface TuningFile {
  /** The whole text, or null where there is no file. */
  read(): Promise<string | null>
  /** Writes the file whole or not at all. */
  write(text: string): Promise<void>
}

/** The user's folder for what can be made again. */
function cacheFolder(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  if (XDG_CACHE_HOME) return XDG_CACHE_HOME
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches')
  return process.platform === 'win32' && LOCALAPPDATA ? LOCALAPPDATA : join(homedir(), '.cache')
}

/**
 * A file as the place where the tuner remembers what it measured: `wgrad/tuning.json` in the user's cache folder
 * (`XDG_CACHE_HOME` where that is set) unless a path is given. It is written under another name and renamed, so that
 * processes which tune at once never see half a file.
 */
export function tuningFile(path: string = join(cacheFolder(), 'wgrad', 'tuning.json')): TuningFile {
  return {
    async read() {
      try {
        return await readFile(path, 'utf8')
      } catch (cause) {
        if ((cause as { code?: string }).code === 'ENOENT') return null
        throw new WgradError(`tune: ${path} cannot be read (${(cause as Error).message})`)
      }
    },
    async write(text) {
      const part = `${path}.${crypto.randomUUID()}.part`
      try {
        await mkdir(dirname(path), { recursive: true })
        const file = await open(part, 'wx')
        try {
          await file.writeFile(text)
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(part, path)
      } catch (cause) {
        await rm(part, { force: true }).catch(() => undefined)
        throw new WgradError(`tune: ${path} cannot be written (${(cause as Error).message}); what was there is whole`)
      }
    },
  }
}
