/** The integer hash from which generate.py and these tests make the same weights and batches. */

const GOLDEN_RATIO = 0x9e3779b9

function mix(word: number): number {
  let x = word >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

/** The first `count` hashes of a stream, 32 bits each. */
export function hashes(seed: number, stream: number, count: number): Uint32Array<ArrayBuffer> {
  const key = mix(mix(seed + GOLDEN_RATIO) ^ stream)
  return Uint32Array.from({ length: count }, (_, i) => mix(key + Math.imul(i, GOLDEN_RATIO)))
}

/** The first `count` values of a stream in [-1, 1), exact in float32. */
export function uniform(seed: number, stream: number, count: number): Float64Array<ArrayBuffer> {
  return Float64Array.from(hashes(seed, stream, count), (hash) => (hash >>> 8) * 2 ** -23 - 1)
}
