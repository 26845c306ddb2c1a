import { ArrayDataset, type Dataset, random, Subset, stratifiedSplit } from 'wgrad/data'

/** Height and width in pixels at which pictures are kept. */
export const side = 224

/** Pictures by class: bytes [side, side, 3] each. */
export type Pictures = ReadonlyMap<string, readonly Uint8Array<ArrayBuffer>[]>

/** Reads a file of a picture: its middle, brought to the size at which pictures are kept. */
export async function readPicture(file: Blob): Promise<Uint8Array<ArrayBuffer>> {
  const name = file instanceof File ? file.name : 'the file'
  const image = await createImageBitmap(file).catch(() => {
    throw new Error(`${name} is no picture that this browser can read; give a PNG, JPEG or WebP file`)
  })
  const context = canvas()
  const scale = side / Math.min(image.width, image.height)
  const [width, height] = [image.width * scale, image.height * scale]
  context.imageSmoothingQuality = 'high'
  context.drawImage(image, (side - width) / 2, (side - height) / 2, width, height)
  image.close()
  return colours(context)
}

/** Circles, squares and triangles of any colour, place and size; the same for each seed. */
export function drawShapes(count: number, seed: number): Pictures {
  const { uniform } = random(seed)
  const context = canvas()
  const draw = (corners: number): Uint8Array<ArrayBuffer> => {
    const between = (low: number, high: number): number => low + (high - low) * uniform()
    context.fillStyle = `hsl(${between(0, 360)} 60% ${between(75, 95)}%)`
    context.fillRect(0, 0, side, side)
    context.fillStyle = `hsl(${between(0, 360)} 70% ${between(20, 45)}%)`
    const [x, y, radius, turn] = [between(80, 144), between(80, 144), between(45, 75), between(0, 2 * Math.PI)]
    context.beginPath()
    for (let i = 0; i < corners; i++) {
      const angle = turn + (2 * Math.PI * i) / corners
      context.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle))
    }
    context.fill()
    return colours(context)
  }
  const kinds = { circle: 60, square: 4, triangle: 3 }
  return new Map(
    Object.entries(kinds).map(([name, corners]) => [name, Array.from({ length: count }, () => draw(corners))]),
  )
}

/** Pictures to learn from and, apart from them, pictures to test with. */
export interface PictureSet {
  readonly train: Dataset<'x' | 'y'>
  readonly test: Dataset<'x' | 'y'>
  readonly classes: readonly string[]
}

/** The pictures at the size of a network; a fifth of each class, one at least, is kept to test with. */
export function pictureSet(pictures: Pictures, size: number): PictureSet {
  const classes = [...pictures.keys()]
  if (classes.length < 2)
    throw new Error(
      classes.length === 0
        ? 'no pictures were given; give some for two classes at least'
        : `all pictures are of one class, ${classes[0]}; give some of another, so that there is something to tell apart`,
    )
  for (const [name, all] of pictures)
    if (all.length < 5)
      throw new Error(`${name} has ${all.length} pictures; each class needs 5, of which one is tested with`)
  const all = [...pictures.values()].flat()
  const labels = Int32Array.from([...pictures.values()].flatMap((some, label) => some.map(() => label)))
  const x = new Uint8Array(all.length * size * size * 3)
  all.forEach((picture, i) => {
    x.set(shrunk(picture, size), i * size * size * 3)
  })
  const dataset = new ArrayDataset({
    x: { data: x, shape: [all.length, size, size, 3], scale: 1 / 255 },
    y: { data: labels, shape: [all.length], dtype: 'i32' },
  })
  const [train = [], test = []] = stratifiedSplit(labels, [0.8, 0.2], { seed: 1 })
  return { train: new Subset(dataset, train), test: new Subset(dataset, test), classes }
}

/** A picture at a smaller size, each pixel the mean of a square of it. */
function shrunk(picture: Uint8Array, size: number): Uint8Array {
  const step = side / size
  if (step === 1) return picture
  if (!Number.isInteger(step)) throw new Error(`pictures are kept at ${side} pixels, and ${size} does not divide that`)
  const out = new Uint8Array(size * size * 3)
  for (let at = 0; at < out.length; at++) {
    const [channel, column, row] = [at % 3, Math.floor(at / 3) % size, Math.floor(at / 3 / size)]
    let sum = 0
    for (let y = row * step; y < (row + 1) * step; y++)
      for (let x = column * step; x < (column + 1) * step; x++) sum += picture[(y * side + x) * 3 + channel] as number
    out[at] = sum / (step * step)
  }
  return out
}

/** Pictures as one file, to be kept. */
export function packPictures(pictures: Pictures): Blob {
  const index = JSON.stringify([...pictures].map(([name, all]) => [name, all.length]))
  const head = new TextEncoder().encode(index)
  return new Blob([Uint32Array.of(head.length), head, ...[...pictures.values()].flat()])
}

/** Reads what {@link packPictures} made. */
export async function unpackPictures(file: Blob): Promise<Pictures> {
  const [length = 0] = new Uint32Array(await file.slice(0, 4).arrayBuffer())
  const index = JSON.parse(await file.slice(4, 4 + length).text()) as [name: string, count: number][]
  const bytes = side * side * 3
  let from = 4 + length
  const pictures = new Map<string, Uint8Array<ArrayBuffer>[]>()
  for (const [name, count] of index) {
    const all: Uint8Array<ArrayBuffer>[] = []
    for (let i = 0; i < count; i++, from += bytes)
      all.push(new Uint8Array(await file.slice(from, from + bytes).arrayBuffer()))
    pictures.set(name, all)
  }
  return pictures
}

function canvas(): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(side, side).getContext('2d', { willReadFrequently: true })
  if (!context) throw new Error('the browser gives no 2d canvas')
  return context
}

/** What is on the canvas, without its alpha. */
function colours(context: OffscreenCanvasRenderingContext2D): Uint8Array<ArrayBuffer> {
  const { data } = context.getImageData(0, 0, side, side)
  return Uint8Array.from({ length: side * side * 3 }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)] as number)
}
