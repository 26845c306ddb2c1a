import { readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { fail } from '../errors.ts'
import { type ReadImageOptions, readImage } from './read-image.ts'

/** How images become samples. All have the same size, so that they make batches. */
export interface ImageFolderOptions extends ReadImageOptions {
  /** Height and width of a sample in pixels, or both in one number. */
  size: number | readonly [height: number, width: number]
  /** 1 for grey (luma of ITU-R BT.601), 3 for RGB. 3 unless told. */
  channels?: 1 | 3
}

/** A batch of images and their classes. */
export interface ImageFolderBatch {
  /** [batch, height, width, channels], f32 from 0 to 1; transparent pixels show black. */
  x: { data: Float32Array<ArrayBuffer>; shape: number[]; dtype: 'f32' }
  /** [batch], i32: the place of the class in `classes`. */
  y: { data: Int32Array<ArrayBuffer>; shape: number[]; dtype: 'i32' }
}

/** A dataset of image files. */
export interface ImageFolder {
  readonly length: number
  /** Names of the classes: those of the folders, sorted. */
  readonly classes: readonly string[]
  /** The file of each sample. */
  readonly files: readonly string[]
  /** The class of each sample, as its place in `classes`. */
  readonly labels: Int32Array<ArrayBuffer>
  /** Reads and decodes the images of these indices; an aborted signal ends it early. */
  batch(indices: Uint32Array, signal?: AbortSignal): Promise<ImageFolderBatch>
}

/**
 * A dataset of the PNG and JPEG files of a folder, with a folder in it for each class, as torchvision's `ImageFolder`:
 * `root/cat/1.png`, `root/dog/2.jpg`. Files of folders further down count too, hidden ones do not. They are read, decoded and resized when
 * a batch asks for them; give the loader a `prefetch`.
 *
 * @example
 * const dataset = await imageFolder('flowers', { size: 64 })
 * const loader = new DataLoader(dataset, { batchSize: 32, shuffle: true, prefetch: 2 })
 *
 * @throws WgradError for a folder without classes, or a class without images.
 */
export async function imageFolder(root: string, options: ImageFolderOptions): Promise<ImageFolder> {
  const { size, channels = 3 } = options
  const [height, width] = typeof size === 'number' ? [size, size] : size
  if (channels !== 1 && channels !== 3) fail('imageFolder', `channels is ${channels}`, 'it must be 1 or 3')
  const classes = await listClasses(root)
  const found = await Promise.all(classes.map((name) => listImages(join(root, name))))
  const files = found.flat()
  const labels = Int32Array.from(found.flatMap((list, label) => list.map(() => label)))
  return {
    length: files.length,
    classes,
    files,
    labels,
    async batch(indices, signal) {
      const each = height * width * channels
      const x = new Float32Array(indices.length * each)
      const read = async (index: number, row: number): Promise<void> => {
        const file = files[index]
        if (file === undefined) {
          fail('imageFolder', `sample ${index} asked of ${files.length}`, 'indices go from 0 to length - 1')
        }
        signal?.throwIfAborted()
        const { data } = await readImage(file, options)
        fill(x.subarray(row * each, (row + 1) * each), data, channels)
      }
      await Promise.all(Array.from(indices, read))
      const y = Int32Array.from(indices, (index) => labels[index] as number)
      return {
        x: { data: x, shape: [indices.length, height, width, channels], dtype: 'f32' },
        y: { data: y, shape: [indices.length], dtype: 'i32' },
      }
    },
  }
}

async function listClasses(root: string): Promise<string[]> {
  const inside = await readdir(root, { withFileTypes: true }).catch((error: Error) =>
    fail('imageFolder', `${root} cannot be read (${error.message})`, 'give a folder with a folder for each class'),
  )
  const classes = inside.filter((entry) => entry.isDirectory() && !isHidden(entry.name)).map(({ name }) => name)
  if (classes.length === 0) fail('imageFolder', `${root} has no folders`, 'there must be one for each class')
  // By code units, which is the same order on every machine.
  return classes.sort()
}

async function listImages(folder: string): Promise<string[]> {
  const inside = await readdir(folder, { recursive: true })
  const images = inside.filter((name) => /\.(png|jpe?g)$/i.test(name) && !name.split(sep).some(isHidden)).sort()
  if (images.length === 0) fail('imageFolder', `${folder} has no images`, 'each class needs a PNG or JPEG file')
  return images.map((name) => join(folder, name))
}

/** What systems put beside one's own files. */
function isHidden(name: string): boolean {
  return name.startsWith('.') || name === '__MACOSX'
}

/** RGBA bytes as channels from 0 to 1, over black. */
function fill(out: Float32Array, rgba: Uint8ClampedArray, channels: 1 | 3): void {
  const pixels = out.length / channels
  for (let i = 0; i < pixels; i++) {
    const scale = (rgba[4 * i + 3] as number) / (255 * 255)
    const over = (c: number): number => (rgba[4 * i + c] as number) * scale
    if (channels === 1) out[i] = 0.299 * over(0) + 0.587 * over(1) + 0.114 * over(2)
    else for (let c = 0; c < 3; c++) out[3 * i + c] = over(c)
  }
}
