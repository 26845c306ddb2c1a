import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { fail } from '../errors.ts'

/** How an image is read. */
export interface ReadImageOptions {
  /** Height and width in pixels, or both in one number. Those of the image unless told. */
  size?: number | readonly [height: number, width: number]
  /** Where the shapes differ: 'fill' stretches, 'cover' cuts off what is too much on both sides. 'fill' unless told. */
  fit?: 'fill' | 'cover'
  /** Pixels that the image may have; 100,000,000 unless told. More is refused before a pixel is decoded. */
  maxPixels?: number
}

/** An image as `ImageData` holds it: RGBA, a byte each, row by row from the top. */
export interface ReadImage {
  width: number
  height: number
  data: Uint8ClampedArray<ArrayBuffer>
}

/** The part of the package sharp that is used here. */
interface Sharp {
  metadata(): Promise<{ width: number; height: number }>
  rotate(): Sharp
  resize(options: { width: number; height: number; fit: 'fill' | 'cover' }): Sharp
  ensureAlpha(): Sharp
  raw(options: { depth: 'uchar' }): Sharp
  toBuffer(options: { resolveWithObject: true }): Promise<{ data: Uint8Array; info: { width: number; height: number } }>
}
type OpenSharp = (bytes: Uint8Array, options: { limitInputPixels: number | false; failOn: 'error' }) => Sharp

const op = 'readImage'

/**
 * Reads a PNG or JPEG image in Node, through the optional package `sharp`: turned as the camera says, in sRGB, and with
 * an alpha of 255 where the file has none. `imageToTensor` of `wgrad/data` makes a tensor of it.
 *
 * @param source The path of a file, or its bytes.
 * @returns RGBA, a byte each: [height, width, 4].
 * @throws WgradError for a file that cannot be read, is of another format, damaged, cut off, or larger than `maxPixels`.
 */
export async function readImage(
  source: string | URL | Uint8Array | ArrayBuffer,
  options: ReadImageOptions = {},
): Promise<ReadImage> {
  const { size, fit = 'fill', maxPixels = 100_000_000 } = options
  const [height, width] = typeof size === 'number' ? [size, size] : (size ?? [])
  for (const side of [height, width]) {
    if (side !== undefined && !(Number.isInteger(side) && side > 0)) {
      fail(op, `size is ${JSON.stringify(size)}`, 'it must be whole numbers above 0, [height, width] or one for both')
    }
  }
  const { bytes, name } = await bytesOf(source)
  checkFormat(bytes, name)
  const sharp = await loadSharp()
  const told = (error: unknown): never =>
    fail(op, `${name} cannot be decoded (${(error as Error).message})`, 'the file is damaged')
  const open = (): Sharp => sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error' })
  const header = await sharp(bytes, { limitInputPixels: false, failOn: 'error' }).metadata().catch(told)
  if (header.width * header.height > maxPixels) {
    fail(op, `${name} is ${header.width} x ${header.height} pixels`, `at most ${maxPixels} are decoded (maxPixels)`)
  }
  const upright = open().rotate()
  const sized = height && width ? upright.resize({ height, width, fit }) : upright
  const rgba = sized.ensureAlpha().raw({ depth: 'uchar' })
  const { data, info } = await rgba.toBuffer({ resolveWithObject: true }).catch(told)
  return { width: info.width, height: info.height, data: Uint8ClampedArray.from(data) }
}

async function bytesOf(source: string | URL | Uint8Array | ArrayBuffer): Promise<{ bytes: Uint8Array; name: string }> {
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source), name: `the image` }
  if (source instanceof Uint8Array) return { bytes: source, name: 'the image' }
  const path = source instanceof URL ? fileURLToPath(source) : source
  try {
    return { bytes: await readFile(path), name: path }
  } catch (error) {
    return fail(op, `${path} cannot be read (${(error as Error).message})`, 'give the path of a file')
  }
}

const formats: readonly { name: string; start: readonly number[]; isRead: boolean }[] = [
  { name: 'PNG', start: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], isRead: true },
  { name: 'JPEG', start: [0xff, 0xd8, 0xff], isRead: true },
  { name: 'GIF', start: [0x47, 0x49, 0x46, 0x38], isRead: false },
  { name: 'BMP', start: [0x42, 0x4d], isRead: false },
  { name: 'TIFF', start: [0x49, 0x49, 0x2a, 0x00], isRead: false },
  { name: 'TIFF', start: [0x4d, 0x4d, 0x00, 0x2a], isRead: false },
  { name: 'RIFF file (WebP)', start: [0x52, 0x49, 0x46, 0x46], isRead: false },
]

/** Decoders of other formats, of which sharp has many, are never handed a byte. */
function checkFormat(bytes: Uint8Array, name: string): void {
  const format = formats.find(({ start }) => start.every((byte, i) => bytes[i] === byte))
  if (format?.isRead) return
  const begins = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
  const what = format ? `is a ${format.name}` : bytes.length === 0 ? 'is empty' : `starts with the bytes ${begins}`
  fail(op, `${name} ${what}`, 'PNG and JPEG can be read')
}

async function loadSharp(): Promise<OpenSharp> {
  const name = 'sharp'
  try {
    return ((await import(/* @vite-ignore */ name)) as { default: OpenSharp }).default
  } catch (error) {
    return fail(
      op,
      `cannot load the package sharp (${(error as Error).message.split('\n')[0]})`,
      'it is an optional part of wgrad that decodes images: npm install sharp',
    )
  }
}
