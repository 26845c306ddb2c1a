import type { DType } from '../dtype.ts'
import { WgradError } from '../errors.ts'
import { checkShape, formatShape, numel } from '../shape.ts'
import { type StoredDtype, storedDtypes } from './stored-dtype.ts'

/** A tensor to write; what `stateDict()` and `readSafetensors` give fits. */
export interface TensorToWrite {
  readonly shape: readonly number[]
  /** The elements, row-major. */
  readonly data: ArrayLike<number>
  /** Its dtype, where the array does not tell: 'bool' for zeros and ones in a Uint8Array. */
  readonly dtype?: DType
}

/** What to write beside the tensors, and how. */
export interface WriteSafetensorsOptions {
  /** Notes for the header. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Element type of what is f32: 'F16' and 'BF16' halve the file and round to nearest even. 'F32' unless told. */
  readonly floats?: 'F32' | 'F16' | 'BF16'
}

interface Planned extends TensorToWrite {
  name: string
  stored: StoredDtype
}

/**
 * The bytes of a safetensors file. The same tensors give the same bytes: wide elements come first, then names in
 * order of their code units, so every tensor starts at a multiple of its element size.
 *
 * @example await writeFile('model.safetensors', writeSafetensors(await model.stateDict()))
 *
 * @throws WgradError where the number of elements is not the shape's, or a value does not fit its element type.
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, TensorToWrite>>,
  options: WriteSafetensorsOptions = {},
): Uint8Array<ArrayBuffer> {
  const { header, planned, bytes } = plan(tensors, options)
  const out = new Uint8Array(bytes)
  out.set(header)
  let at = header.length
  for (const each of planned) {
    const part = encode(each)
    out.set(part, at)
    at += part.length
  }
  return out
}

/**
 * A safetensors file as a stream, encoded tensor by tensor as it is read: for a large model on its way to a file or
 * an upload. The bytes are those of {@link writeSafetensors}.
 */
export function streamSafetensors(
  tensors: Readonly<Record<string, TensorToWrite>>,
  options: WriteSafetensorsOptions = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { header, planned } = plan(tensors, options)
  let next = 0
  return new ReadableStream(
    {
      start: (controller) => controller.enqueue(header),
      pull(controller) {
        const each = planned[next++]
        if (each) controller.enqueue(encode(each))
        else controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}

function encode({ stored, data, name }: Planned): Uint8Array<ArrayBuffer> {
  return storedDtypes[stored].encode(data, name)
}

function plan(
  tensors: Readonly<Record<string, TensorToWrite>>,
  { metadata, floats = 'F32' }: WriteSafetensorsOptions,
): { header: Uint8Array<ArrayBuffer>; planned: Planned[]; bytes: number } {
  const planned = Object.entries(tensors).map(([name, { shape, data, dtype }]): Planned => {
    checkShape('writeSafetensors', shape)
    if (numel(shape) !== data.length) {
      throw new WgradError(
        `writeSafetensors: ${name} has ${data.length} elements and the shape ${formatShape(shape)}; it has room for ${numel(shape)}`,
      )
    }
    if (name === '__metadata__' || /\p{Surrogate}/u.test(name)) {
      throw new WgradError(
        `writeSafetensors: a tensor is named ${JSON.stringify(name)}; names are Unicode, and __metadata__ is taken`,
      )
    }
    return { name, shape, data, stored: storedAs(data, dtype, floats) }
  })
  const size = ({ stored }: Planned): number => storedDtypes[stored].size
  planned.sort((a, b) => size(b) - size(a) || (a.name < b.name ? -1 : 1))

  const entries: [string, unknown][] = metadata === undefined ? [] : [['__metadata__', metadata]]
  let at = 0
  for (const each of planned) {
    const end = at + each.data.length * size(each)
    entries.push([each.name, { dtype: each.stored, shape: each.shape, data_offsets: [at, end] }])
    at = end
  }
  // Object keys that look like numbers would come first in JSON; written one by one, all keep their order.
  const json = `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(',')}}`
  const text = new TextEncoder().encode(json)
  const header = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20)
  header.set(text, 8)
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true)
  return { header, planned, bytes: header.length + at }
}

function storedAs(data: ArrayLike<number>, dtype: DType | undefined, floats: StoredDtype): StoredDtype {
  if (dtype === 'bool') return 'BOOL'
  if (dtype === 'f32' || dtype === 'f16') return floats
  if (data instanceof Float64Array) return 'F64'
  if (data instanceof Int32Array) return 'I32'
  if (data instanceof Int16Array) return 'I16'
  if (data instanceof Int8Array) return 'I8'
  if (data instanceof Uint32Array) return 'U32'
  if (data instanceof Uint16Array) return 'U16'
  if (data instanceof Uint8Array) return 'U8'
  if (dtype === 'i32') return 'I32'
  if (dtype === 'u32') return 'U32'
  return floats
}
