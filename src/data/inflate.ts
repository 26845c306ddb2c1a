import { WgradError } from '../errors.ts'

/** Whether the bytes start as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b
}

/**
 * Inflates a gzip file, and stops as soon as more than `maxBytes` came out: a small file can claim to hold
 * terabytes, so memory follows what was really inflated and never what a header says.
 */
export async function inflate(
  bytes: Uint8Array<ArrayBuffer>,
  options: { maxBytes: number; op: string },
): Promise<Uint8Array<ArrayBuffer>> {
  const { maxBytes, op } = options
  const chunks: Uint8Array[] = []
  let total = 0
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')).getReader()
  for (;;) {
    const { value, done } = await reader.read().catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new WgradError(
        `${op}: the gzip stream of ${bytes.length} bytes is damaged or cut off (${reason}); fetch or copy the file again`,
      )
    })
    if (done) break
    total += value.byteLength
    if (total > maxBytes) {
      await reader.cancel().catch(() => undefined)
      throw new WgradError(
        `${op}: ${bytes.length} gzipped bytes inflate to more than ${maxBytes}; raise maxBytes if that is meant`,
      )
    }
    chunks.push(value)
  }
  const whole = new Uint8Array(total)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.byteLength
  }
  return whole
}
