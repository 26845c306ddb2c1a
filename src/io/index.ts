/**
 * Safetensors, read and written tensor by tensor.
 *
 * @module wgrad/io
 */

export type { ByteSource, FileSource, RemoteFile } from './byte-source.ts'
export { type HttpSource, type HttpSourceOptions, httpSource } from './http-source.ts'
export {
  type LoadedTensor,
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type SafetensorsOptions,
} from './safetensors.ts'
export type { StoredTensor } from './safetensors-header.ts'
export {
  streamSafetensors,
  type TensorToWrite,
  type WriteSafetensorsOptions,
  writeSafetensors,
} from './safetensors-write.ts'
export type { StoredDtype } from './stored-dtype.ts'
