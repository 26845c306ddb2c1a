import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { WgradError } from '../errors.ts'

/** A file of lines, for `jsonLines` of `wgrad/train`. */
export interface LogFile {
  /** The lines there are, without one that a crash cut short. */
  read(): Promise<string[]>
  /** Drops all but the first lines, and what a crash left behind them. */
  keep(lines: number): Promise<void>
  /** Adds a line, which has reached the operating system when the call returns. */
  append(line: string): void
  /** Flushes the file to the disk and closes it; later calls open it again. */
  close(): Promise<void>
}

/**
 * A file of lines, made where it is missing, with the folders above it. Each line is there whole once it is added, also where the process
 * is killed.
 *
 * @throws WgradError where the file cannot be read or written; the lines before stay.
 */
export function logFile(path: string): LogFile {
  let file: number | null = null
  const attempt = <T>(work: (file: number) => T): T => {
    try {
      if (file === null) {
        mkdirSync(dirname(path), { recursive: true })
        file = openSync(path, 'a+')
      }
      return work(file)
    } catch (cause) {
      throw new WgradError(
        `logFile: ${path} failed (${cause instanceof Error ? cause.message : String(cause)}); the lines before are whole`,
      )
    }
  }
  /** The bytes of each whole line, its end included. */
  const pieces = (): Buffer[] =>
    attempt(() => {
      const bytes = readFileSync(path)
      const found: Buffer[] = []
      for (let at = 0, end = bytes.indexOf(10); end >= 0; at = end + 1, end = bytes.indexOf(10, at))
        found.push(bytes.subarray(at, end + 1))
      return found
    })
  return {
    async read() {
      return pieces().map((piece) => piece.toString('utf8').trimEnd())
    },
    async keep(lines) {
      const length = pieces()
        .slice(0, lines)
        .reduce((sum, piece) => sum + piece.length, 0)
      attempt((open) => ftruncateSync(open, length))
    },
    append(line) {
      attempt((open) => {
        const bytes = Buffer.from(`${line}\n`)
        for (let at = 0; at < bytes.length; ) at += writeSync(open, bytes, at)
      })
    },
    async close() {
      if (file === null) return
      attempt((open) => {
        fsyncSync(open)
        closeSync(open)
      })
      file = null
    },
  }
}
