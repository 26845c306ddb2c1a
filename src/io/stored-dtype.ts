import { type DType, fromHalfBits, halfBits, type TypedArray } from '../dtype.ts'
import { WgradError } from '../errors.ts'

/** Element types of a safetensors file that can be read. */
export type StoredDtype =
  | 'F64'
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'I64'
  | 'I32'
  | 'I16'
  | 'I8'
  | 'U64'
  | 'U32'
  | 'U16'
  | 'U8'
  | 'BOOL'

interface Stored {
  /** Bytes of one element. */
  size: number
  /** The dtype that tensors made from it have. */
  dtype: DType
  /** Elements from little-endian bytes that start a buffer of their own. Every machine with WebGPU is little-endian. */
  decode(buffer: ArrayBuffer, name: string): TypedArray
  encode(data: ArrayLike<number>, name: string): Uint8Array<ArrayBuffer>
}

type NumberArrayType = {
  from(data: ArrayLike<number>): ArrayLike<number> & { readonly buffer: ArrayBufferLike }
}

/** Encodes through an array type that drops what does not fit, and refuses what was dropped. */
function wholeNumbers(type: NumberArrayType, stored: StoredDtype): Stored['encode'] {
  return (data, name) => {
    const out = type.from(data)
    for (let i = 0; i < data.length; i++) {
      if (out[i] !== data[i]) {
        throw new WgradError(
          `writeSafetensors: element ${i} of ${name} is ${data[i]}, which is no ${stored}; give whole numbers in range or another dtype`,
        )
      }
    }
    return new Uint8Array(out.buffer as ArrayBuffer)
  }
}

/** 64-bit integers narrowed to 32 bits, which is what the device computes with. */
function narrowed<T extends Int32Array | Uint32Array>(
  wide: BigInt64Array | BigUint64Array,
  out: T,
  name: string,
  stored: StoredDtype,
): T {
  for (let i = 0; i < wide.length; i++) {
    const value = wide[i] as bigint
    out[i] = Number(value)
    if (BigInt(out[i] as number) !== value) {
      const dtype = out instanceof Int32Array ? 'i32' : 'u32'
      throw new WgradError(
        `safetensors: element ${i} of ${name} is ${value} in ${stored}, which is no ${dtype}; the device has 32-bit integers only`,
      )
    }
  }
  return out
}

const bits = new DataView(new ArrayBuffer(4))

/** bfloat16 bits of `x`, rounded to nearest even. */
export function bfloatBits(x: number): number {
  bits.setFloat32(0, x)
  const word = bits.getUint32(0)
  if (Number.isNaN(x)) return (word >>> 16) | 0x40
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff
}

function fromBfloatBits(half: number): number {
  bits.setUint32(0, half * 0x1_0000)
  return bits.getFloat32(0)
}

function floats(data: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Float32Array.from(data).buffer)
}

function halves(convert: (x: number) => number): Stored['encode'] {
  return (data) => new Uint8Array(Uint16Array.from(data, convert).buffer)
}

function truths(bytes: Uint8Array<ArrayBuffer>, name: string): Uint8Array<ArrayBuffer> {
  const odd = bytes.findIndex((value) => value > 1)
  if (odd >= 0) {
    throw new WgradError(
      `safetensors: element ${odd} of ${name} is ${bytes[odd]} in BOOL; only 0 and 1 are truth values`,
    )
  }
  return bytes
}

/** How each element type is laid out, read and written. F64 is rounded to f32. */
export const storedDtypes: Readonly<Record<StoredDtype, Stored>> = {
  F64: {
    size: 8,
    dtype: 'f32',
    decode: (buffer) => Float32Array.from(new Float64Array(buffer)),
    encode: (data) => new Uint8Array(Float64Array.from(data).buffer),
  },
  F32: { size: 4, dtype: 'f32', decode: (buffer) => new Float32Array(buffer), encode: floats },
  F16: {
    size: 2,
    dtype: 'f32',
    decode: (buffer) => Float32Array.from(new Uint16Array(buffer), fromHalfBits),
    encode: halves(halfBits),
  },
  BF16: {
    size: 2,
    dtype: 'f32',
    decode: (buffer) => Float32Array.from(new Uint16Array(buffer), fromBfloatBits),
    encode: halves(bfloatBits),
  },
  I64: {
    size: 8,
    dtype: 'i32',
    decode: (buffer, name) => narrowed(new BigInt64Array(buffer), new Int32Array(buffer.byteLength / 8), name, 'I64'),
    encode: (data, name) => {
      wholeNumbers(Int32Array, 'I64')(data, name)
      return new Uint8Array(BigInt64Array.from(Array.from(data, BigInt)).buffer)
    },
  },
  I32: {
    size: 4,
    dtype: 'i32',
    decode: (buffer) => new Int32Array(buffer),
    encode: wholeNumbers(Int32Array, 'I32'),
  },
  I16: {
    size: 2,
    dtype: 'i32',
    decode: (buffer) => Int32Array.from(new Int16Array(buffer)),
    encode: wholeNumbers(Int16Array, 'I16'),
  },
  I8: {
    size: 1,
    dtype: 'i32',
    decode: (buffer) => Int32Array.from(new Int8Array(buffer)),
    encode: wholeNumbers(Int8Array, 'I8'),
  },
  U64: {
    size: 8,
    dtype: 'u32',
    decode: (buffer, name) => narrowed(new BigUint64Array(buffer), new Uint32Array(buffer.byteLength / 8), name, 'U64'),
    encode: (data, name) => {
      wholeNumbers(Uint32Array, 'U64')(data, name)
      return new Uint8Array(BigUint64Array.from(Array.from(data, BigInt)).buffer)
    },
  },
  U32: {
    size: 4,
    dtype: 'u32',
    decode: (buffer) => new Uint32Array(buffer),
    encode: wholeNumbers(Uint32Array, 'U32'),
  },
  U16: {
    size: 2,
    dtype: 'u32',
    decode: (buffer) => Uint32Array.from(new Uint16Array(buffer)),
    encode: wholeNumbers(Uint16Array, 'U16'),
  },
  U8: { size: 1, dtype: 'u32', decode: (buffer) => new Uint8Array(buffer), encode: wholeNumbers(Uint8Array, 'U8') },
  BOOL: {
    size: 1,
    dtype: 'bool',
    decode: (buffer, name) => truths(new Uint8Array(buffer), name),
    encode: (data, name) => truths(wholeNumbers(Uint8Array, 'BOOL')(data, name), name),
  },
}

/** Whether a text names an element type that can be read. */
export function isStoredDtype(name: unknown): name is StoredDtype {
  return typeof name === 'string' && Object.hasOwn(storedDtypes, name)
}
