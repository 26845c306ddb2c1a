import { openAsBlob } from 'node:fs'
import { access } from 'node:fs/promises'
import { type FileSource, httpSource } from '../../src/io/index.ts'
import type { TrainProgress } from './common/progress.ts'

/** A file of weights by its path or URL; what comes whole from a server shows how far it is. */
export async function openWeights(where: string, progress?: TrainProgress): Promise<FileSource> {
  if (/^https?:\/\//.test(where)) {
    progress?.line(`Weights: ${where}`)
    return httpSource(where)
  }
  await access(where).catch((cause: Error) => {
    throw new Error(`resnet: ${where} cannot be read (${cause.message}); --weights names a safetensors file or a URL`, {
      cause,
    })
  })
  return openAsBlob(where)
}
