import type { DType, TypedArray } from '../dtype.ts'
import { WgradError } from '../errors.ts'
import { type FileSource, openSource } from './byte-source.ts'
import { short } from './json-keys.ts'
import { headerLength, parseHeader, type StoredTensor } from './safetensors-header.ts'
import { storedDtypes } from './stored-dtype.ts'

/** A tensor read from a file, as `loadStateDict` and `tensor` take it. */
export interface LoadedTensor {
  /** What `tensor(data, { shape, dtype })` makes of it: 'f32', 'i32', 'u32' or 'bool'. */
  readonly dtype: DType
  /** Sizes of the axes, in the layout of the file. */
  readonly shape: readonly number[]
  /** The elements, row-major. F64, F16 and BF16 come as f32; 64-bit integers as 32-bit ones. */
  readonly data: TypedArray
}

/** How a safetensors file is read. */
export interface SafetensorsOptions {
  /** Bytes that the header may have at most; 100,000,000 unless told. */
  readonly maxHeaderBytes?: number
}

/** A safetensors file whose header was read and checked; tensors are read when asked for. */
export interface SafetensorsFile {
  /** Names of the tensors, in the order of their bytes. */
  readonly names: readonly string[]
  /** What the writer noted beside the tensors. */
  readonly metadata: Readonly<Record<string, string>>
  /** Element type in the file, shape, and place in bytes. Throws for a name that is not there. */
  info(name: string): StoredTensor
  /** Reads one tensor. Rejects for a name that is not there and for integers that 32 bits cannot hold. */
  read(name: string): Promise<LoadedTensor>
}

/**
 * Opens a safetensors file and reads its header. All of the header is checked before anything is read by it: its
 * length, the JSON, and that the tensors fill the file without gap or overlap.
 *
 * @example
 * import { openAsBlob } from 'node:fs'
 * const file = await openSafetensors(await openAsBlob('model.safetensors'))
 * const { shape, data } = await file.read('fc.weight')
 *
 * @throws WgradError for a file that is no safetensors, is damaged, or holds an element type that cannot be read.
 */
export async function openSafetensors(source: FileSource, options: SafetensorsOptions = {}): Promise<SafetensorsFile> {
  const { maxHeaderBytes = 100_000_000 } = options
  const file = await openSource(source, 'safetensors')
  if (file.size < 8) {
    throw new WgradError(
      `safetensors: the file has ${file.size} bytes; a safetensors file starts with the 8-byte length of its header`,
    )
  }
  const length = headerLength(await file.read(0, 8), file.size, maxHeaderBytes)
  const { metadata, tensors } = parseHeader(await file.read(8, 8 + length), file.size)

  const info = (name: string): StoredTensor => {
    const found = tensors.get(name)
    if (found) return found
    const known = short([...tensors.keys()].slice(0, 20).join(', '))
    throw new WgradError(`safetensors: there is no tensor '${name}'; the file has ${tensors.size}: ${known}`)
  }
  return {
    names: [...tensors.keys()],
    metadata,
    info,
    async read(name) {
      const { stored, shape, begin, end } = info(name)
      const { dtype, decode } = storedDtypes[stored]
      const bytes = await file.read(begin, end)
      // A source may hand out a view into something larger, and typed arrays need an aligned start.
      const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()
      return { dtype, shape, data: decode(whole.buffer, name) }
    },
  }
}

/**
 * Reads all tensors of a safetensors file, by name.
 *
 * @example model.loadStateDict(await readSafetensors({ url, bytes, sha256, onProgress }))
 *
 * @throws WgradError as {@link openSafetensors} does, and for integers that 32 bits cannot hold.
 */
export async function readSafetensors(
  source: FileSource,
  options: SafetensorsOptions = {},
): Promise<Record<string, LoadedTensor>> {
  const file = await openSafetensors(source, options)
  const entries: [string, LoadedTensor][] = []
  for (const name of file.names) entries.push([name, await file.read(name)])
  return Object.fromEntries(entries)
}
