import type { Random } from '../../src/data/index.ts'

const bytes = [0, 1, 2, 7, 8, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x2d, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xc3, 0xff]
const numbers = ['', '0', '1', '2', '-1', '-0', '1.0', '1e1', '01', '255', '4294967296', '9007199254740993', '1e999']
const words = [0n, 1n, 8n, 255n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 1n << 40n, (1n << 63n) - 1n, (1n << 64n) - 1n]

/** One of the elements, every one equally likely. */
export function pick<T>(r: Random, from: readonly T[]): T {
  return from[r.below(from.length)] as T
}

/** A copy with one to four faults: bits, bytes, integers, decimals, pieces lost, doubled or made up, an early end. */
export function damaged(r: Random, input: Uint8Array): Uint8Array<ArrayBuffer> {
  let out = Uint8Array.from(input)
  for (let n = 1 + r.below(4); n > 0; n--) out = once(r, out)
  return out
}

function once(r: Random, input: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = r.below(input.length + 1)
  const some = 1 + r.below(r.below(4) === 0 ? 64 : 4)
  const spliced = (skip: number, ...between: ArrayLike<number>[]): Uint8Array<ArrayBuffer> => {
    const parts = [input.subarray(0, at), ...between, input.subarray(Math.min(at + skip, input.length))]
    const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0))
    let to = 0
    for (const part of parts) {
      out.set(part, to)
      to += part.length
    }
    return out
  }
  switch (r.below(9)) {
    case 0:
      return spliced(1, [(input[at] ?? 0) ^ (1 << r.below(8))])
    case 1:
      return spliced(1, [pick(r, bytes)])
    case 2:
      return spliced(0, [pick(r, bytes)])
    case 3:
      return spliced(some)
    case 4:
      return spliced(0, input.subarray(at, at + some))
    case 5:
      return spliced(0, input.subarray(r.below(input.length + 1)).subarray(0, some))
    case 6:
      return input.slice(0, at)
    case 7: {
      const width = pick(r, [2, 4, 8])
      const word = new DataView(new ArrayBuffer(8))
      word.setBigUint64(0, pick(r, words), r.below(2) === 0)
      return spliced(width, new Uint8Array(word.buffer, r.below(2) * (8 - width), width))
    }
    default:
      return otherNumber(r, input)
  }
}

/** Replaces one run of digits by another number. */
function otherNumber(r: Random, input: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(input).toString('latin1')
  const runs = [...text.matchAll(/\d+/g)]
  if (runs.length === 0) return input
  const { index, 0: digits } = pick(r, runs)
  return Uint8Array.from(
    Buffer.from(text.slice(0, index) + pick(r, numbers) + text.slice(index + digits.length), 'latin1'),
  )
}
