import { access, constants, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes the folder of a file that is to be written when the work is done, so that one that cannot be written fails before it. `option` is
 * what named the file; nothing happens where none was named.
 */
export async function prepareOutput(system: string, option: string, path: string | undefined): Promise<void> {
  if (path === undefined) return
  const refuse = (what: string, cause?: unknown): never => {
    throw new Error(`${system}: ${option} ${path} cannot be written (${what}); name a file that can`, { cause })
  }
  try {
    await mkdir(dirname(path), { recursive: true })
    await access(dirname(path), constants.W_OK)
  } catch (cause) {
    refuse((cause as Error).message, cause)
  }
  const found = await stat(path).catch(() => null)
  if (found && !found.isFile()) refuse('it is no file')
}

/** Writes a file whole or not at all; what was there before stays until it is. */
export async function writeOutput(path: string, content: string | Uint8Array): Promise<void> {
  const part = `${path}.part`
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(part, content)
    await rename(part, path)
  } catch (cause) {
    await rm(part, { force: true })
    throw cause
  }
}
