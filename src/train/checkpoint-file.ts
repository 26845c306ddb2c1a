import { WgradError } from '../errors.ts'
import { type FileSource, openSafetensors, streamSafetensors } from '../io/index.ts'
import type { StateDict } from '../nn/module.ts'

const format = 'wgrad.checkpoint'
const version = '1'

/** What a checkpoint's file holds. */
export interface FileContent {
  /** JSON of all that is no tensor. */
  readonly state: string
  readonly tensors: StateDict
}

/** A file that was written by wgrad and is not as it was written. */
export class DamagedFileError extends WgradError {}

/** The bytes of a checkpoint's file, encoded tensor by tensor as they are read. */
export async function encodeFile({ state, tensors }: FileContent): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const sha256 = await digest(state, tensors)
  return streamSafetensors(tensors, { metadata: { format, version, state, sha256 } })
}

/**
 * Reads and checks a checkpoint's file.
 *
 * @throws DamagedFileError where the file is not as it was written; WgradError where it is no checkpoint, or one of
 * another version.
 */
export async function decodeFile(source: FileSource): Promise<FileContent> {
  const file = await whole(() => openSafetensors(source))
  const { metadata } = file
  if (metadata.format !== format)
    throw new WgradError(`it is a safetensors file without the note format = ${format}; give a file of saveCheckpoint`)
  if (metadata.version !== version)
    throw new WgradError(`its format has version ${metadata.version}; this wgrad reads version ${version}`)
  const entries: [string, StateDict[string]][] = []
  for (const name of file.names) {
    const { shape, data } = await whole(() => file.read(name))
    entries.push([name, { shape, data }])
  }
  const tensors = Object.fromEntries(entries)
  const { state = '' } = metadata
  const found = await digest(state, tensors)
  if (found !== metadata.sha256)
    throw new DamagedFileError(`its content has SHA-256 ${found}, ${metadata.sha256} was written; the file is damaged`)
  return { state, tensors }
}

async function whole<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    if (cause instanceof WgradError) throw new DamagedFileError(cause.message)
    throw cause
  }
}

/** SHA-256 over the state and a line for each tensor: name, element type, shape and the SHA-256 of its bytes. */
async function digest(state: string, tensors: StateDict): Promise<string> {
  const lines = await Promise.all(
    Object.keys(tensors)
      .sort()
      .map(async (name) => {
        const { shape, data } = tensors[name] as StateDict[string]
        const { kind, bytes } = bytesOf(data)
        return `${JSON.stringify(name)} ${kind} [${shape.join()}] ${await sha256(bytes)}`
      }),
  )
  return sha256(new TextEncoder().encode([format, version, state, ...lines].join('\n')))
}

function bytesOf(data: ArrayLike<number>): { kind: string; bytes: Uint8Array<ArrayBuffer> } {
  const kinds = { f32: Float32Array, i32: Int32Array, u32: Uint32Array, u8: Uint8Array }
  for (const [kind, type] of Object.entries(kinds)) {
    if (data instanceof type) {
      const { buffer, byteOffset, byteLength } = data
      return { kind, bytes: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength) }
    }
  }
  return { kind: 'f32', bytes: new Uint8Array(Float32Array.from(data).buffer) }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
