import { fail } from '../errors.ts'

/** An image as `ImageData` holds it: RGBA, a byte each, row by row from the top; colours are not multiplied by alpha. */
export interface Pixels {
  /** In pixels. */
  readonly width: number
  /** In pixels. */
  readonly height: number
  /** Four bytes for each pixel. */
  readonly data: Uint8ClampedArray | Uint8Array
}

/** What an image can be taken from. In Node, `readImage` of `wgrad/node` gives {@link Pixels}. */
export type ImageSource =
  | Pixels
  | ImageData
  | ImageBitmap
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLImageElement
  | HTMLVideoElement
  | VideoFrame

/** The pixels of an image as it is now: a frame of a video, what is drawn on a canvas. */
export function pixelsOf(op: string, source: ImageSource): Pixels {
  if ('data' in source) {
    const { width, height, data } = source
    if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
      fail(op, `the image is ${width} x ${height} pixels`, 'it must have one at least')
    }
    if (data.length !== width * height * 4) {
      fail(op, `${width} x ${height} pixels and ${data.length} bytes`, `RGBA takes ${width * height * 4}`)
    }
    return source
  }
  const [width, height] = sizeOf(source)
  if (width === 0 || height === 0) {
    fail(op, `the ${source.constructor.name} is ${width} x ${height} pixels`, 'wait until it is loaded')
  }
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d', { willReadFrequently: true })
  if (!context) fail(op, 'the browser gives no 2d canvas', 'use fewer canvases at a time')
  context.drawImage(source, 0, 0, width, height)
  try {
    return context.getImageData(0, 0, width, height, { colorSpace: 'srgb' })
  } catch (error) {
    return fail(op, `the image cannot be read (${(error as Error).message})`, "load it with crossOrigin = 'anonymous'")
  }
}

/** In pixels of its own, whatever size it is shown at. */
function sizeOf(source: Exclude<ImageSource, Pixels>): [width: number, height: number] {
  if ('naturalWidth' in source) return [source.naturalWidth, source.naturalHeight]
  if ('videoWidth' in source) return [source.videoWidth, source.videoHeight]
  if ('displayWidth' in source) return [source.displayWidth, source.displayHeight]
  return [source.width, source.height]
}
