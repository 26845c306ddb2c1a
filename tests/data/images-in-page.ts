import { type ImageSource, imageToTensor, toImageData } from '../../src/data/index.ts'
import { openDevice } from '../../src/index.ts'

/** Four columns: red, green, blue, and grey of half alpha. */
function draw(canvas: OffscreenCanvas | HTMLCanvasElement): void {
  const context = canvas.getContext('2d') as OffscreenCanvasRenderingContext2D
  for (const [x, colour] of ['#f00', '#0f0', '#00f', 'rgb(102 102 102 / 0.5)'].entries()) {
    context.fillStyle = colour
    context.fillRect(x, 0, 1, 2)
  }
}

async function loaded(blob: Blob): Promise<HTMLImageElement> {
  const image = new Image()
  image.src = URL.createObjectURL(blob)
  await image.decode()
  // Its own size counts, and not the one that it is shown in.
  image.width = 1
  return image
}

/** What page.test.ts asks of a page: the values of each kind of image, and of one that was drawn again. */
export async function imagesInPage(): Promise<Record<string, unknown>> {
  await openDevice()
  const offscreen = new OffscreenCanvas(4, 2)
  const element = Object.assign(document.createElement('canvas'), { width: 4, height: 2 })
  draw(offscreen)
  draw(element)
  const blob = await offscreen.convertToBlob()
  const sources: Record<string, ImageSource> = {
    offscreen,
    element,
    bitmap: await createImageBitmap(offscreen),
    data: (offscreen.getContext('2d') as OffscreenCanvasRenderingContext2D).getImageData(0, 0, 4, 2),
    image: await loaded(blob),
  }
  const seen: Record<string, unknown> = {}
  for (const [name, source] of Object.entries(sources)) {
    const x = imageToTensor(source)
    seen[name] = { shape: x.shape, bytes: Array.from(await x.data(), (value) => Math.round(value * 255)) }
  }
  const again = await toImageData(imageToTensor(offscreen, { channels: 4, size: [1, 4] }))
  seen.again = [again instanceof ImageData, again.width, again.height, Array.from(again.data)]
  // Video keeps colour in a coarser grid than light, so that only an even one comes back as it was.
  const even = new OffscreenCanvas(16, 8)
  const context = even.getContext('2d') as OffscreenCanvasRenderingContext2D
  context.fillStyle = 'rgb(200 50 100)'
  context.fillRect(0, 0, 16, 8)
  const frame = new VideoFrame(even, { timestamp: 0 })
  const x = imageToTensor(frame, { size: 1 })
  seen.frame = [imageToTensor(frame).shape, Array.from(await x.data(), (value) => Math.round(value * 255))]
  frame.close()
  const video = document.createElement('video')
  seen.tooEarly = await Promise.resolve()
    .then(() => imageToTensor(video))
    .catch((error: Error) => error.message)
  return seen
}

declare global {
  var wgradImages: typeof imagesInPage
}

globalThis.wgradImages = imagesInPage
