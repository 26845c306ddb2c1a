import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type Dataset, type Fold, imageDataset, readIdx, Subset, stratifiedSplit } from '../../src/data/index.ts'
import { imageFolder } from '../../src/node.ts'
import { digestOf } from './common/digest.ts'

/** Images with their classes, cut into a part to train on and one to test with. */
export interface ImageData {
  readonly train: Dataset<'x' | 'y'>
  readonly test: Dataset<'x' | 'y'>
  readonly classes: readonly string[]
  readonly channels: 1 | 3
  /** Height and width in pixels. */
  readonly size: number
  /** Checksum of IDX files, or of the names in a folder of images. */
  readonly digest: string
}

/** How images are read. */
export interface ImageDataOptions {
  /** The share of the samples to test with: of each class in a folder of images, the last ones of IDX files. */
  readonly testShare: number
  /** Height and width in pixels to which images of a folder are brought. */
  readonly size: number
  readonly seed: number
}

/** Reads a folder that holds two IDX files, images and labels, or a folder with PNG or JPEG files for each class. */
export async function readImageData(path: string, options: ImageDataOptions): Promise<ImageData> {
  const found = await stat(path).catch((cause: Error) => {
    throw new Error(`resnet: ${path} cannot be read (${cause.message}); --data names a folder`, { cause })
  })
  if (!found.isDirectory())
    throw new Error(`resnet: ${path} is a file; --data names a folder of images, or the folder of two IDX files`)
  const idx = (await readdir(path)).filter((name) => /-(idx\d|ubyte)/.test(name)).sort()
  const data = await (idx.length > 0 ? readIdxPair(path, idx, options) : readFolder(path, options))
  const count = data.train.length + data.test.length
  const missing = (what: string, share: string): Error =>
    new Error(`resnet: 0 of ${count} images are left to ${what}; give more images or a ${share} --test-share`)
  if (data.train.length === 0) throw missing('train on', 'smaller')
  if (data.test.length === 0) throw missing('test with', 'larger')
  return data
}

async function readIdxPair(
  path: string,
  names: readonly string[],
  { testShare }: ImageDataOptions,
): Promise<ImageData> {
  const pick = (kind: string): string => {
    const matching = names.filter((name) => name.includes(kind))
    if (matching.length !== 1)
      throw new Error(`resnet: ${path} has ${matching.length} IDX files of ${kind}; there must be one, as *-${kind}-*`)
    return join(path, matching[0] as string)
  }
  const read = async (name: string): ReturnType<typeof readIdx> => readIdx(new Uint8Array(await readFile(name)))
  const images = await read(pick('images'))
  const labels = await read(pick('labels'))
  const all = imageDataset(images, labels)
  const [count = 0, height = 0, width = 0, channels = 1] = images.shape
  if (height !== width || (channels !== 1 && channels !== 3))
    throw new Error(
      `resnet: images of ${path} are ${height}x${width} with ${channels} channels; they must be square, grey or RGB`,
    )
  const highest = Array.from(labels.data, Number).reduce((a, b) => Math.max(a, b), 0)
  const cut = Math.round(count * (1 - testShare))
  const part = (from: number, to: number): Dataset<'x' | 'y'> =>
    new Subset(
      all,
      Uint32Array.from({ length: to - from }, (_, i) => from + i),
    )
  return {
    train: part(0, cut),
    test: part(cut, count),
    classes: Array.from({ length: highest + 1 }, (_, i) => String(i)),
    channels,
    size: height,
    digest: digestOf(bytesOf(images.data), bytesOf(labels.data)),
  }
}

async function readFolder(path: string, { testShare, size, seed }: ImageDataOptions): Promise<ImageData> {
  const all = await imageFolder(path, { size, fit: 'cover' })
  if (all.classes.length < 2)
    throw new Error(`resnet: ${path} has one class, ${all.classes[0]}; there must be two or more to tell apart`)
  const { train, test } = splitClasses(all.labels, testShare, seed)
  return {
    train: new Subset(all, train),
    test: new Subset(all, test),
    classes: all.classes,
    channels: 3,
    size,
    digest: digestOf(JSON.stringify([all.classes, all.files.map((file) => relative(path, file))])),
  }
}

/** Cuts each class at random by the share; where there is one, a class of two images or more has one of them to test with at least. */
function splitClasses(labels: Int32Array, testShare: number, seed: number): Fold {
  const [train = new Uint32Array(), test = new Uint32Array()] = stratifiedSplit(labels, [1 - testShare, testShare], {
    seed,
  })
  if (testShare === 0) return { train, test }
  const tested = new Set(Array.from(test, (row) => labels[row]))
  const last = new Map(Array.from(train, (row) => [labels[row], row]))
  const moved = [...last].flatMap(([label, row]) =>
    !tested.has(label) && train.some((other) => other !== row && labels[other] === label) ? [row] : [],
  )
  return { train: train.filter((row) => !moved.includes(row)), test: Uint32Array.from([...test, ...moved]).sort() }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)
}
