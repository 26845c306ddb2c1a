import { WgradError } from './errors.ts'

/** Element types. `bool` is stored as u32 (0 or 1); `f16` is a storage type, computed with in f32. */
export type DType = 'f32' | 'i32' | 'u32' | 'bool' | 'f16'

/** What reading a tensor gives: bool comes back as Uint8Array, f16 widened to Float32Array. */
export type TypedArray = Float32Array | Int32Array | Uint32Array | Uint8Array

const bytesOf: Record<DType, number> = { f32: 4, i32: 4, u32: 4, bool: 4, f16: 2 }
const storageOf: Record<DType, string> = { f32: 'f32', i32: 'i32', u32: 'u32', bool: 'u32', f16: 'f16' }
const computeOf: Record<DType, string> = { f32: 'f32', i32: 'i32', u32: 'u32', bool: 'bool', f16: 'f32' }

/** Bytes one element takes in a buffer. */
export function elementBytes(dtype: DType): number {
  return bytesOf[dtype]
}

/** The WGSL type of one element in a buffer. */
export function storageType(dtype: DType): string {
  return storageOf[dtype]
}

/** The WGSL type that expressions over this dtype have. */
export function computeType(dtype: DType): string {
  return computeOf[dtype]
}

/** True for the dtypes that have gradients. */
export function isFloat(dtype: DType): boolean {
  return dtype === 'f32' || dtype === 'f16'
}

/** The dtype two operands meet in, or null where they have none in common (bool joins nothing but bool). */
export function promote(a: DType, b: DType): DType | null {
  if (a === b) return a
  if (isFloat(a) && isFloat(b)) return 'f32'
  return null
}

/** Turns numbers into the bytes of `dtype`, checked: integers must be whole and in range. */
export function encode(data: ArrayLike<number | boolean>, dtype: DType): ArrayBuffer {
  const n = data.length
  if (dtype === 'f32') {
    return (data instanceof Float32Array ? data.slice() : Float32Array.from(data as ArrayLike<number>))
      .buffer as ArrayBuffer
  }
  if (dtype === 'f16') {
    const out = new Uint16Array(n + (n % 2))
    for (let i = 0; i < n; i++) out[i] = halfBits(Number(data[i]))
    return out.buffer
  }
  const out = dtype === 'i32' ? new Int32Array(n) : new Uint32Array(n)
  for (let i = 0; i < n; i++) {
    const v = dtype === 'bool' ? Number(Boolean(data[i])) : Number(data[i])
    out[i] = v
    if (out[i] !== v) {
      throw new WgradError(
        `tensor: element ${i} is ${String(data[i])}, which is no ${dtype}; give whole numbers in range or another dtype`,
      )
    }
  }
  return out.buffer
}

/** The inverse of {@link encode}, for the first `n` elements. */
export function decode(bytes: ArrayBuffer, dtype: DType, n: number): TypedArray {
  if (dtype === 'f32') return new Float32Array(bytes, 0, n)
  if (dtype === 'i32') return new Int32Array(bytes, 0, n)
  if (dtype === 'u32') return new Uint32Array(bytes, 0, n)
  if (dtype === 'bool') return Uint8Array.from(new Uint32Array(bytes, 0, n), (v) => (v === 0 ? 0 : 1))
  return Float32Array.from(new Uint16Array(bytes, 0, n), fromHalfBits)
}

const scratch = new DataView(new ArrayBuffer(4))

/** IEEE binary16 bits of `x`, rounded to nearest even. */
export function halfBits(x: number): number {
  scratch.setFloat32(0, x)
  const bits = scratch.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const exponent = (bits >>> 23) & 0xff
  const mantissa = bits & 0x7fffff
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa === 0 ? 0 : 0x200)
  const e = exponent - 112
  if (e >= 31) return sign | 0x7c00
  const full = mantissa | 0x800000
  const shift = e > 0 ? 13 : 14 - e
  if (shift > 24) return sign
  const base = e > 0 ? (e << 10) | (mantissa >>> 13) : full >>> shift
  const rest = e > 0 ? mantissa & 0x1fff : full & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return sign | (base + (rest > half || (rest === half && (base & 1) === 1) ? 1 : 0))
}

/** The value of binary16 bits. */
export function fromHalfBits(h: number): number {
  const sign = h & 0x8000 ? -1 : 1
  const exponent = (h >>> 10) & 31
  const mantissa = h & 0x3ff
  if (exponent === 0) return sign * mantissa * 2 ** -24
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : Number.NaN
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15)
}
