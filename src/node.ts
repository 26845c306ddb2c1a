/**
 * All of `wgrad`, with what Node needs beside it.
 *
 * @module wgrad/node
 */

import { type Device, type DeviceOptions, openDevice as openWith } from './index.ts'
import { type NodeGpuOptions, nodeGpu } from './node/gpu.ts'
import { tuningFile } from './node/tuning-file.ts'

export * from './index.ts'
export { type FolderStore, type FolderStoreOptions, folderStore } from './node/folder-store.ts'
export { type DriverChoice, type NodeGpuOptions, nodeGpu } from './node/gpu.ts'
export { type ImageFolder, type ImageFolderBatch, type ImageFolderOptions, imageFolder } from './node/image-folder.ts'
export { type LogFile, logFile } from './node/log-file.ts'
export { type ProgressBar, type ProgressStream, progressBar } from './node/progress-bar.ts'
export { type ReadImage, type ReadImageOptions, readImage } from './node/read-image.ts'
export { type TuningFile, tuningFile } from './node/tuning-file.ts'

/** Options of {@link openDevice} in Node. */
export interface NodeDeviceOptions extends DeviceOptions, NodeGpuOptions {}

/**
 * Opens a device in Node through the optional package `webgpu` (Dawn): a real GPU where there is one, a software
 * driver otherwise or where `adapter: 'software'` asks for it. Everything else is as in the `openDevice` of pages.
 */
export async function openDevice(options: NodeDeviceOptions = {}): Promise<Device> {
  const { driver = options.adapter === 'software' ? 'swiftshader' : undefined, dawn, ...rest } = options
  const gpu = rest.gpu ?? (await nodeGpu({ ...(driver && { driver }), ...(dawn && { dawn }) }))
  return openWith({ tuning: tuningFile(), ...rest, gpu })
}
