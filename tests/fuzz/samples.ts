import type { Random } from '../../src/data/index.ts'
import { pick } from './damage.ts'

const randomBytes = (r: Random, n: number): Uint8Array => Uint8Array.from({ length: n }, () => r.below(256))
const randomShape = (r: Random): number[] => Array.from({ length: r.below(4) }, () => r.below(4))
const elementsOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1)

const dtypes: [string, number][] = [
  ['F64', 8],
  ['F32', 4],
  ['F16', 2],
  ['BF16', 2],
  ['I64', 8],
  ['I32', 4],
  ['I16', 2],
  ['I8', 1],
  ['U64', 8],
  ['U32', 4],
  ['U16', 2],
  ['U8', 1],
  ['BOOL', 1],
]
const names = ['a', 'fc.weight', '0', '__proto__', 'é"\\', '']

/**
 * Header and data of a safetensors file: sound, or wrong where blind damage rarely hits, with a gap or an overlap of
 * one byte that nothing else gives away, a name twice, or a truth value of 2.
 */
export function safetensorsSample(r: Random): { header: Uint8Array; data: Uint8Array } {
  const entries: [string, unknown][] = r.below(3) === 0 ? [['__metadata__', { format: 'pt' }]] : []
  const parts: Uint8Array[] = []
  let at = 0
  for (const name of names.slice(r.below(names.length))) {
    const [dtype, size] = pick(r, dtypes)
    const shape = randomShape(r)
    const part = randomBytes(r, elementsOf(shape) * size)
    if (dtype === 'BOOL') for (const i of part.keys()) part[i] = (part[i] as number) % (r.below(12) === 0 ? 3 : 2)
    if (dtype.endsWith('64')) for (const i of part.keys()) if (i % 8 > 2) part[i] = 0
    const slip = r.below(40)
    if (slip === 0) parts.push(Uint8Array.of(at++))
    if (slip === 1 && at-- > 0) parts.push((parts.pop() as Uint8Array).subarray(0, -1))
    at = Math.max(at, 0)
    entries.push([slip === 2 ? 'a' : name, { dtype, shape, data_offsets: [at, at + part.length] }])
    parts.push(part)
    at += part.length
  }
  const json = `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(',')}}`
  return { header: Buffer.from(json + ' '.repeat(r.below(9))), data: Buffer.concat(parts) }
}

/** A sound IDX file, not compressed. */
export function idxSample(r: Random): Uint8Array {
  const [code, size] = pick(r, [[8, 1] as const, [9, 1] as const, [11, 2] as const, [12, 4] as const, [13, 4] as const])
  const shape = randomShape(r)
  const axes = shape.flatMap((n) => [0, 0, 0, n])
  return Uint8Array.from([0, 0, code, shape.length, ...axes, ...randomBytes(r, elementsOf(shape) * size)])
}

/** A sound CSV file of columns a, b and kind. */
export function csvSample(r: Random): Uint8Array {
  const end = pick(r, ['\n', '\r\n', '\r'])
  const number = (): string =>
    pick(r, ['', '1', '-2.5', '3e4', ' .5', '"7"', '?', 'NA', '"1', '00', '1e38', '1e39', '0x1', '-0'])
  const kind = (): string => pick(r, ['x', 'y', '"x"', '1', '0', 'NA', '"a,b"', '"q""q"'])
  const rows = Array.from({ length: r.below(6) }, () => [number(), number(), kind()].join(','))
  const lines = [pick(r, ['a,b,kind', '"a",b,kind', '\ufeffa,b,kind']), ...rows]
  return Buffer.from(lines.join(end) + pick(r, ['', end, end + end]))
}
