import { fail } from '../errors.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import { div, sub } from '../ops/arithmetic.ts'
import { adaptiveAvgPool2d, resize } from '../ops/resize.ts'
import { type ImageSource, type Pixels, pixelsOf } from './pixels.ts'

/** What an image becomes. */
export interface ImageToTensorOptions {
  /** Height and width in pixels, or both in one number. Those of the image unless told. */
  size?: number | readonly [height: number, width: number]
  /** Where the shapes differ: 'fill' stretches, 'cover' cuts off what is too much on both sides. 'fill' unless told. */
  fit?: 'fill' | 'cover'
  /** Whether shrinking takes the mean of what falls together, and not single pixels of it. True unless told. */
  antialias?: boolean
  /** 1 for grey (luma of ITU-R BT.601), 3 for RGB, 4 for RGBA. 3 unless told. */
  channels?: 1 | 3 | 4
  /** What shows through where the image is transparent, from 0 to 1, for 1 and 3 channels. 0, black, unless told. */
  background?: number
  /** Taken from each channel, from 0 to 1: a number, or one for each channel. 0 unless told. */
  mean?: number | readonly number[]
  /** Each channel is divided by it after that. 1 unless told. */
  std?: number | readonly number[]
}

/**
 * An image as a tensor [1, height, width, channels], f32: (value / 255 - mean) / std. It is resized on the GPU; where an axis shrinks,
 * each new pixel is the mean of those it covers in part or in whole (as `adaptiveAvgPool2d`), and where it grows, it
 * is interpolated between pixels (`resize`, bilinear). The first image of each size compiles the kernels for it.
 *
 * @param image Anything that can be drawn on a canvas, `ImageData`, or pixels read in Node. Videos give the frame at hand.
 * @example
 * const x = imageToTensor(await createImageBitmap(file), {
 *   size: 224, fit: 'cover', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225],
 * })
 *
 * @throws WgradError for an image that is not loaded yet, or that comes from another origin without its leave.
 */
export function imageToTensor(image: ImageSource, options: ImageToTensorOptions = {}): Tensor {
  const op = 'imageToTensor'
  const { size, fit = 'fill', antialias = true, channels = 3, background = 0, mean, std } = options
  if (![1, 3, 4].includes(channels)) fail(op, `channels is ${channels}`, 'it must be 1, 3 or 4')
  const to = typeof size === 'number' ? ([size, size] as const) : size
  if (to && !(to.length === 2 && to.every((n) => Number.isInteger(n) && n > 0))) {
    fail(op, `size is ${JSON.stringify(size)}`, 'it must be whole numbers above 0, [height, width] or one for both')
  }
  const pixels = pixelsOf(op, image)
  const { width, height } = pixels
  const part = to && fit === 'cover' ? middle(pixels, to) : { top: 0, left: 0, width, height }
  const shape = [1, part.height, part.width, channels]
  const whole = tensor(channelsOf(pixels, part, channels, background), { shape })
  const resized = to ? resizeTo(whole, to, antialias) : whole
  const shifted = mean === undefined ? resized : sub(resized, each(op, 'mean', mean, channels))
  return std === undefined ? shifted : div(shifted, each(op, 'std', std, channels))
}

/**
 * The pixels of an image that a tensor holds, to draw or to save: values from 0 to 1 become bytes, rounded and clamped.
 *
 * @param image [height, width, channels] or [1, height, width, channels] with 1 (grey), 3 (RGB) or 4 (RGBA) channels.
 */
export async function toPixels(image: Tensor): Promise<Pixels & { data: Uint8ClampedArray<ArrayBuffer> }> {
  const shape = image.shape.length === 4 && image.shape[0] === 1 ? image.shape.slice(1) : image.shape
  const [height = 0, width = 0, channels = 0] = shape
  if (shape.length !== 3 || ![1, 3, 4].includes(channels) || height * width === 0) {
    fail(
      'toPixels',
      `the image is [${image.shape.join(', ')}]`,
      'it must be [height, width, channels] with 1, 3 or 4 channels',
    )
  }
  const values = await image.data()
  const data = new Uint8ClampedArray(height * width * 4)
  for (let i = 0; i < height * width; i++) {
    const at = i * channels
    for (let c = 0; c < 3; c++) data[i * 4 + c] = (values[channels === 1 ? at : at + c] as number) * 255
    data[i * 4 + 3] = channels === 4 ? (values[at + 3] as number) * 255 : 255
  }
  return { width, height, data }
}

/** {@link toPixels} as `ImageData`, which a canvas takes: `context.putImageData(await toImageData(x), 0, 0)`. */
export async function toImageData(image: Tensor): Promise<ImageData> {
  if (typeof ImageData === 'undefined') {
    fail('toImageData', 'there is no ImageData outside pages and workers', 'take toPixels')
  }
  const { data, width, height } = await toPixels(image)
  return new ImageData(data, width, height, { colorSpace: 'srgb' })
}

interface Part {
  top: number
  left: number
  width: number
  height: number
}

/** The largest part of an image that has the shape of `to`, from its middle. */
function middle({ width, height }: Pixels, [toHeight, toWidth]: readonly [number, number]): Part {
  const partWidth = Math.max(1, Math.min(width, Math.round((height * toWidth) / toHeight)))
  const partHeight = Math.max(1, Math.min(height, Math.round((width * toHeight) / toWidth)))
  const [left, top] = [Math.floor((width - partWidth) / 2), Math.floor((height - partHeight) / 2)]
  return { left, top, width: partWidth, height: partHeight }
}

/** The channels of a part, from 0 to 1. */
function channelsOf(
  { data, width }: Pixels,
  part: Part,
  channels: 1 | 3 | 4,
  background: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(part.width * part.height * channels)
  let at = 0
  for (let y = part.top; y < part.top + part.height; y++) {
    for (let x = part.left; x < part.left + part.width; x++) {
      const from = (y * width + x) * 4
      const alpha = (data[from + 3] as number) / 255
      const behind = background * (1 - alpha)
      const over = (c: number): number => ((data[from + c] as number) / 255) * alpha + behind
      if (channels === 4) for (let c = 0; c < 4; c++) out[at++] = (data[from + c] as number) / 255
      else if (channels === 3) for (let c = 0; c < 3; c++) out[at++] = over(c)
      else out[at++] = 0.299 * over(0) + 0.587 * over(1) + 0.114 * over(2)
    }
  }
  return out
}

function resizeTo(x: Tensor, to: readonly [number, number], antialias: boolean): Tensor {
  const [, height = 0, width = 0] = x.shape
  const [toHeight, toWidth] = to
  const smaller: [number, number] = [Math.min(height, toHeight), Math.min(width, toWidth)]
  const shrunk = antialias && (smaller[0] < height || smaller[1] < width) ? adaptiveAvgPool2d(x, smaller) : x
  return resize(shrunk, [toHeight, toWidth], { mode: 'bilinear' })
}

function each(op: string, name: string, values: number | readonly number[], channels: number): Tensor | number {
  if (typeof values === 'number') return values
  if (values.length !== channels) {
    fail(op, `${name} has ${values.length} numbers and there are ${channels} channels`, 'each channel needs one')
  }
  return tensor(Float32Array.from(values), { shape: [channels] })
}
