import { WgradError } from '../errors.ts'
import { inflate, isGzip } from './inflate.ts'

/** The element types an IDX file can hold, with the array each is read into. */
interface IdxArrays {
  u8: Uint8Array<ArrayBuffer>
  i8: Int8Array<ArrayBuffer>
  i16: Int16Array<ArrayBuffer>
  i32: Int32Array<ArrayBuffer>
  f32: Float32Array<ArrayBuffer>
  f64: Float64Array<ArrayBuffer>
}

/** Element type of an IDX file. */
export type IdxDtype = keyof IdxArrays

/** What an IDX file holds: `data` has one element per cell of `shape`, row-major. */
export type Idx = { [D in IdxDtype]: { dtype: D; shape: number[]; data: IdxArrays[D] } }[IdxDtype]

const dtypeOfCode: Partial<Record<number, { dtype: IdxDtype; size: number }>> = {
  8: { dtype: 'u8', size: 1 },
  9: { dtype: 'i8', size: 1 },
  11: { dtype: 'i16', size: 2 },
  12: { dtype: 'i32', size: 4 },
  13: { dtype: 'f32', size: 4 },
  14: { dtype: 'f64', size: 8 },
}

/**
 * Reads an IDX file, the format of MNIST and its kin: gzipped or plain, any of its six element types.
 *
 * Nothing is allocated from the header's word: sizes are compared with the bytes at hand first. A gzip file may
 * inflate to at most `maxBytes` (1 GiB unless told).
 *
 * @param bytes The whole file.
 * @returns The element type, the shape and the elements in the machine's byte order.
 * @throws WgradError for a bad magic number, a header or body cut short, and bytes left over.
 */
export async function readIdx(
  bytes: Uint8Array<ArrayBuffer> | ArrayBuffer,
  options: { maxBytes?: number } = {},
): Promise<Idx> {
  const given = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes
  const plain = isGzip(given) ? await inflate(given, { maxBytes: options.maxBytes ?? 2 ** 30, op: 'readIdx' }) : given
  return parseIdx(plain)
}

/** Reads the bytes of an IDX file that is not compressed. See {@link readIdx}. */
export function parseIdx(bytes: Uint8Array<ArrayBuffer>): Idx {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 4) {
    throw new WgradError(`readIdx: the file has ${bytes.length} bytes; an IDX file starts with a 4-byte magic number`)
  }
  const type = dtypeOfCode[view.getUint8(2)]
  if (view.getUint16(0) !== 0 || type === undefined) {
    const magic = view.getUint32(0).toString(16).padStart(8, '0')
    throw new WgradError(
      `readIdx: the magic number is 0x${magic}; an IDX file starts 0x0000TTNN with type TT 08, 09, 0b, 0c, 0d or 0e`,
    )
  }
  const rank = view.getUint8(3)
  const headerBytes = 4 + 4 * rank
  if (bytes.length < headerBytes) {
    throw new WgradError(
      `readIdx: the header of ${rank} axes needs ${headerBytes} bytes and the file has ${bytes.length}; it is truncated`,
    )
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
  const asked = shape.reduce((product, n) => product * BigInt(n), BigInt(type.size))
  const present = bytes.length - headerBytes
  if (asked !== BigInt(present)) {
    const fault = asked > present ? 'the file is truncated or its header is wrong' : 'bytes are left over'
    throw new WgradError(
      `readIdx: shape [${shape.join(', ')}] of ${type.dtype} needs ${asked} bytes and ${present} follow the header; ${fault}`,
    )
  }
  return { dtype: type.dtype, shape, data: read(type.dtype, view, headerBytes, present / type.size) } as Idx
}

function read(dtype: IdxDtype, view: DataView<ArrayBuffer>, at: number, n: number): IdxArrays[IdxDtype] {
  switch (dtype) {
    case 'u8':
      return new Uint8Array(view.buffer, view.byteOffset + at, n).slice()
    case 'i8':
      return new Int8Array(view.buffer, view.byteOffset + at, n).slice()
    case 'i16':
      return Int16Array.from({ length: n }, (_, i) => view.getInt16(at + i * 2))
    case 'i32':
      return Int32Array.from({ length: n }, (_, i) => view.getInt32(at + i * 4))
    case 'f32':
      return Float32Array.from({ length: n }, (_, i) => view.getFloat32(at + i * 4))
    case 'f64':
      return Float64Array.from({ length: n }, (_, i) => view.getFloat64(at + i * 8))
  }
}
