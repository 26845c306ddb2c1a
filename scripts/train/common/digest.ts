import { createHash } from 'node:crypto'

/** A checksum of the data of a training, by which one that is resumed knows them again wherever they lie. */
export function digestOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
