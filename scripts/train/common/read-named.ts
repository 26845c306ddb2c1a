import { readFile } from 'node:fs/promises'

/** Reads a file that was named on a system's command line; `should` says for people which option names it, or what is to be in it. */
export async function readNamed(system: string, file: string, should: string): Promise<Buffer> {
  return readFile(file).catch((cause: Error) => {
    throw new Error(`${system}: ${file} cannot be read (${cause.message}); ${should}`, { cause })
  })
}
