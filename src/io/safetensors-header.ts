import { WgradError } from '../errors.ts'
import { jsonFault, short } from './json-keys.ts'
import { isStoredDtype, type StoredDtype, storedDtypes } from './stored-dtype.ts'

/** One tensor of a safetensors file: what it is and where its bytes are. */
export interface StoredTensor {
  /** Element type in the file. */
  readonly stored: StoredDtype
  readonly shape: readonly number[]
  /** Bytes of the file from `begin` to `end` (exclusive). */
  readonly begin: number
  readonly end: number
}

/** A header that was checked. */
export interface Header {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: ReadonlyMap<string, StoredTensor>
}

function refuse(wrong: string, right: string): never {
  throw new WgradError(`safetensors: ${wrong}; ${right}`)
}

const quoted = (value: unknown): string => short(JSON.stringify(value))

/** The header's length in bytes, from the file's first 8. */
export function headerLength(first: Uint8Array, fileBytes: number, maxHeaderBytes: number): number {
  const view = new DataView(first.buffer, first.byteOffset, first.byteLength)
  const length = view.getBigUint64(0, true)
  if (length > maxHeaderBytes) {
    refuse(`the header claims ${length} bytes`, `at most ${maxHeaderBytes} are read (maxHeaderBytes)`)
  }
  if (Number(length) > fileBytes - 8) {
    refuse(`the header claims ${length} bytes and ${fileBytes - 8} follow`, 'the file is truncated or no safetensors')
  }
  return Number(length)
}

/**
 * Reads the header's JSON and checks every field of it against the file's size. The tensors are in the order of
 * their bytes, which they fill without gap or overlap.
 */
export function parseHeader(bytes: Uint8Array, fileBytes: number): Header {
  const dataStart = 8 + bytes.length
  const dataBytes = fileBytes - dataStart
  const { __metadata__: metadata = {}, ...entries } = parseJson(bytes)
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    refuse(`__metadata__ is ${quoted(metadata)}`, 'it must map names to strings')
  }
  const tensors = Object.entries(entries).map(([name, entry]): [string, StoredTensor] => {
    if (/\p{Surrogate}/u.test(name)) refuse(`the name ${quoted(name)} has half a character`, 'names must be Unicode')
    const { stored, shape, begin, end } = checkEntry(name, entry, dataBytes)
    return [name, { stored, shape, begin: begin + dataStart, end: end + dataStart }]
  })
  tensors.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let at = dataStart
  for (const [name, { begin, end }] of tensors) {
    if (begin !== at) {
      const fault = begin > at ? `${begin - at} bytes before it belong to nothing` : `it overlaps the one before`
      refuse(
        `${quoted(name)} starts at ${begin - dataStart} and the tensors before it end at ${at - dataStart}`,
        `${fault}, and tensors must follow one another`,
      )
    }
    at = end
  }
  if (at !== fileBytes) {
    refuse(`the tensors end at ${at - dataStart} and ${dataBytes} bytes follow the header`, 'no byte may be left over')
  }
  return { metadata: metadata as Record<string, string>, tensors: new Map(tensors) }
}

function parseJson(bytes: Uint8Array): Record<string, unknown> {
  if (bytes[0] !== 0x7b) {
    refuse(`the header starts with byte ${bytes[0] ?? 'none'}`, "it must be a JSON object that starts with '{' (123)")
  }
  let parsed: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const fault = jsonFault(text, 3)
    if (fault !== null) refuse(`the header's JSON is refused, ${fault}`, 'names are unique and entries are flat')
    parsed = JSON.parse(text)
  } catch (cause) {
    if (cause instanceof WgradError) throw cause
    const reason = cause instanceof Error ? short(cause.message) : String(cause)
    refuse(`the header of ${bytes.length} bytes is no JSON in UTF-8 (${reason})`, 'the file is damaged')
  }
  return parsed as Record<string, unknown>
}

const fields = ['dtype', 'shape', 'data_offsets']

function checkEntry(name: string, entry: unknown, dataBytes: number): StoredTensor {
  if (!isRecord(entry) || Object.keys(entry).length !== 3 || !fields.every((field) => Object.hasOwn(entry, field))) {
    refuse(`${quoted(name)} is ${quoted(entry)}`, 'it must have dtype, shape and data_offsets, and nothing else')
  }
  const { dtype: stored, shape, data_offsets: offsets } = entry
  if (!isStoredDtype(stored)) {
    refuse(`${quoted(name)} has the dtype ${quoted(stored)}`, `${Object.keys(storedDtypes).join(', ')} can be read`)
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    refuse(`${quoted(name)} has the shape ${quoted(shape)}`, 'sizes are whole numbers of at least 0')
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    refuse(`${quoted(name)} has data_offsets ${quoted(offsets)}`, 'they must be [begin, end] in bytes')
  }
  const [begin, end] = offsets as [number, number]
  if (begin > end || end > dataBytes) {
    refuse(`${quoted(name)} lies at ${begin} to ${end} of ${dataBytes} bytes`, 'it must lie within the file')
  }
  const bytes = shape.includes(0) ? 0 : productUpTo(shape as number[], storedDtypes[stored].size, dataBytes)
  if (bytes !== end - begin) {
    const needs = bytes === null ? 'more than the file has' : `${bytes} bytes`
    refuse(
      `${quoted(name)} is ${stored} ${quoted(shape)}, which takes ${needs}, and has ${end - begin} at ${begin} to ${end}`,
      'both must agree',
    )
  }
  return { stored, shape: shape as number[], begin, end }
}

/** `size` times the sizes of `shape`, or null as soon as it passes `limit`: numbers stay small and exact. */
function productUpTo(shape: readonly number[], size: number, limit: number): number | null {
  let product = size
  for (const n of shape) {
    product *= n
    if (product > limit) return null
  }
  return product
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && !Object.is(value, -0) && (value as number) >= 0
}
