import { fail } from '../../errors.ts'
import type { FileSource } from '../../io/byte-source.ts'
import { openSafetensors, type SafetensorsFile } from '../../io/safetensors.ts'
import { writeSafetensors } from '../../io/safetensors-write.ts'
import type { StateDict } from '../../nn/module.ts'
import { resnet20, resnet32, resnet56 } from '../resnet/cifar.ts'
import type { ImageClassifier } from '../resnet/classifier.ts'
import { resnet18, resnet34, resnet50, resnet101, resnet152 } from '../resnet/resnet.ts'
import { imagenetMean, imagenetStd } from './augment.ts'

const large = { resnet18, resnet34, resnet50, resnet101, resnet152 }
const small = { resnet20, resnet32, resnet56 }

/** The residual networks for large images, by name. */
export type LargeImageArchitecture = 'resnet18' | 'resnet34' | 'resnet50' | 'resnet101' | 'resnet152'

/** The residual networks by name. */
export type ImageArchitecture = LargeImageArchitecture | 'resnet20' | 'resnet32' | 'resnet56'

/** The names of the residual networks, those for large images first. */
export const imageArchitectures: readonly ImageArchitecture[] = [
  ...(Object.keys(large) as (keyof typeof large)[]),
  ...(Object.keys(small) as (keyof typeof small)[]),
]

/** What one must know to use a classifier of images: its form, what it expects of an image, and what its outputs are called. */
export interface ImageModelConfig {
  readonly architecture: ImageArchitecture
  /** Names of the classes, in the order of the outputs. */
  readonly classes: readonly string[]
  /** Channels of the images, 1 or 3. */
  readonly channels: 1 | 3
  /** Height and width of the images in pixels. */
  readonly size: number
  /** Taken from each channel, of values from 0 to 1. */
  readonly mean: readonly number[]
  /** Each channel is divided by it after that. */
  readonly std: readonly number[]
  /** The share of an image's shorter side that is seen, in its middle, as in training or as published results are measured; 1 unless given. */
  readonly cropShare?: number
  /** Channels of the first stage of the networks for small images; 16 unless given. */
  readonly width?: number
}

/** True where the architecture is one for large images, as ImageNet's. */
export function isLargeImageModel(architecture: ImageArchitecture): architecture is LargeImageArchitecture {
  return Object.hasOwn(large, architecture)
}

/** A classifier with fresh weights. */
export function imageModel({ architecture, classes, channels, width }: ImageModelConfig): ImageClassifier {
  const numClasses = classes.length
  if (!isLargeImageModel(architecture))
    return small[architecture]({ numClasses, inChannels: channels, ...(width !== undefined && { width }) })
  if (channels !== 3) fail('imageModel', `${architecture} with ${channels} channel`, 'it takes 3 channels')
  return large[architecture]({ numClasses })
}

/** A classifier with its config. */
export interface LoadedImageModel {
  readonly model: ImageClassifier
  readonly config: ImageModelConfig
}

/** The bytes of a safetensors file that {@link loadImageModel} reads: weights by torchvision's keys, the config beside them. */
export async function saveImageModel({ model, config }: LoadedImageModel): Promise<Uint8Array<ArrayBuffer>> {
  return writeSafetensors(await model.stateDict(), { metadata: { format: 'pt', wgrad: JSON.stringify(config) } })
}

/**
 * Loads a classifier of images from a safetensors file: one that {@link saveImageModel} made, or published weights of
 * ResNet-18 to 152 by torchvision's keys, whose depth is found by their keys. A thousand classes are taken for
 * ImageNet's, others are numbered.
 *
 * @param source The file's bytes, a Blob, a source of `httpSource`, or `{ url, bytes, sha256, onProgress }`, which is
 * fetched once and kept.
 * @throws WgradError for a file of another architecture, naming what is missing.
 */
export async function loadImageModel(source: FileSource): Promise<LoadedImageModel> {
  const file = await openSafetensors(source)
  const config = await configOf(file)
  const state: Record<string, StateDict[string]> = {}
  for (const name of file.names) state[name] = await file.read(name)
  const model = imageModel(config)
  // Files of before PyTorch 0.4.1 do not count batches.
  for (const [key] of model.namedState())
    if (key.endsWith('.num_batches_tracked') && !(key in state)) state[key] = { shape: [], data: [0] }
  model.loadStateDict(state)
  return { model: model.eval(), config }
}

async function configOf(file: SafetensorsFile): Promise<ImageModelConfig> {
  const kept = file.metadata.wgrad
  if (kept !== undefined) return parsedConfig(kept)
  const depths = [1, 2, 3, 4].map((stage) => blocksOf(file.names, stage)).join('-')
  const isBottleneck = file.names.includes('layer1.0.conv3.weight')
  const architecture = depthNames[`${isBottleneck ? 'bottleneck' : 'basic'} ${depths}`]
  if (!architecture || !file.names.includes('fc.weight')) {
    const names = file.names.slice(0, 3).join(', ')
    fail(
      'loadImageModel',
      `the file has ${file.names.length} tensors (${names}, …), which are of no residual network known here`,
      `it must hold weights of ${Object.keys(large).join(', ')} by torchvision's keys, or be one that saveImageModel made`,
    )
  }
  const [count = 0] = file.info('fc.weight').shape
  return {
    ...{ architecture, classes: await namesOf(count), channels: 3, size: 224, mean: imagenetMean, std: imagenetStd },
    // torchvision measures what it publishes on 224 of 256 pixels.
    cropShare: 224 / 256,
  }
}

/** ImageNet's names where there are as many classes as it has, numbers otherwise. */
async function namesOf(count: number): Promise<readonly string[]> {
  // Loaded only where it is needed.
  if (count === 1000) return (await import('./imagenet-classes.ts')).imagenetClasses
  return Array.from({ length: count }, (_, i) => `class ${i}`)
}

/** Blocks of a stage. */
function blocksOf(names: readonly string[], stage: number): number {
  const pattern = new RegExp(`^layer${stage}\\.(\\d+)\\.conv1\\.weight$`)
  return names.filter((name) => pattern.test(name)).length
}

const depthNames: Readonly<Record<string, keyof typeof large>> = {
  'basic 2-2-2-2': 'resnet18',
  'basic 3-4-6-3': 'resnet34',
  'bottleneck 3-4-6-3': 'resnet50',
  'bottleneck 3-4-23-3': 'resnet101',
  'bottleneck 3-8-36-3': 'resnet152',
}

function parsedConfig(text: string): ImageModelConfig {
  const wrong = (what: string): never =>
    fail('loadImageModel', `the file's config ${what}`, 'it must be one that saveImageModel wrote')
  let found: Partial<ImageModelConfig> | null = null
  try {
    found = JSON.parse(text) as Partial<ImageModelConfig> | null
  } catch (error) {
    wrong(`is no JSON (${(error as Error).message})`)
  }
  const { architecture, classes, channels, size, mean, std, cropShare = 1 } = found ?? {}
  if (!architecture || !imageArchitectures.includes(architecture)) wrong(`names the architecture ${architecture}`)
  if (!Array.isArray(classes) || classes.length === 0) wrong('names no classes')
  if (
    (channels !== 1 && channels !== 3) ||
    !Number.isInteger(size) ||
    mean?.length !== channels ||
    std?.length !== channels
  )
    wrong(`says ${channels} channels and ${size} pixels, with a mean of ${mean} and a deviation of ${std}`)
  if (!(cropShare > 0 && cropShare <= 1)) wrong(`says that ${cropShare} of an image is seen`)
  return found as ImageModelConfig
}
