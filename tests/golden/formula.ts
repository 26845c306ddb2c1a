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
  const out = new Uint32Array(count)
  for (let i = 0; i < count; i++) out[i] = mix(key + Math.imul(i, GOLDEN_RATIO))
  return out
}

/** The first `count` values of a stream in [-1, 1), exact in float32. */
export function uniform(seed: number, stream: number, count: number): Float64Array<ArrayBuffer> {
  const bits = hashes(seed, stream, count)
  const out = new Float64Array(count)
  for (let i = 0; i < count; i++) out[i] = ((bits[i] as number) >>> 8) * 2 ** -23 - 1
  return out
}
