import { expect, test } from 'vitest'
import { imageToTensor, type Pixels, toImageData, toPixels } from '../../src/data/index.ts'
import { openDevice, tensor } from '../../src/node.ts'

await openDevice()

/** An opaque image whose channels are functions of the place. */
function draw(width: number, height: number, value: (x: number, y: number, c: number) => number): Pixels {
  const data = new Uint8ClampedArray(width * height * 4)
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 4)
    data[i] = i % 4 === 3 ? 255 : value(pixel % width, Math.floor(pixel / width), i % 4)
  }
  return { width, height, data }
}

const speckled = (x: number, y: number, c: number): number => (x * 37 + y * 61 + c * 17) % 256

/** Compares with numbers that were worked out in double precision. */
async function expectNear(x: ReturnType<typeof imageToTensor>, shape: number[], expected: number[]): Promise<void> {
  expect(x.shape).toEqual(shape)
  const found = await x.data()
  expect(found).toHaveLength(expected.length)
  for (const [i, value] of expected.entries()) expect(Math.abs((found[i] as number) - value)).toBeLessThan(2e-6)
}

test('RGB from 0 to 1, row by row, is what an image becomes', async () => {
  const image = draw(3, 2, speckled)
  const expected = Array.from(image.data).filter((_, i) => i % 4 < 3)
  await expectNear(
    imageToTensor(image),
    [1, 2, 3, 3],
    expected.map((v) => v / 255),
  )
})

test('mean and standard deviation are those of each channel', async () => {
  const image = draw(2, 1, speckled)
  const [mean, std] = [
    [0.1, 0.2, 0.3],
    [0.5, 0.25, 2],
  ]
  const expected = Array.from(image.data).filter((_, i) => i % 4 < 3)
  await expectNear(
    imageToTensor(image, { mean: mean as number[], std: std as number[] }),
    [1, 1, 2, 3],
    expected.map((v, i) => (v / 255 - (mean?.[i % 3] as number)) / (std?.[i % 3] as number)),
  )
})

test('grey is luma, transparent pixels show the background, and RGBA is left as it is', async () => {
  const image: Pixels = { width: 2, height: 1, data: Uint8Array.of(255, 0, 51, 255, 255, 255, 255, 51) }
  await expectNear(imageToTensor(image, { channels: 1 }), [1, 1, 2, 1], [0.299 + 0.114 * 0.2, 0.2])
  await expectNear(imageToTensor(image, { background: 1 }), [1, 1, 2, 3], [1, 0, 0.2, 1, 1, 1])
  await expectNear(imageToTensor(image, { channels: 4 }), [1, 1, 2, 4], [1, 0, 0.2, 1, 1, 1, 1, 0.2])
})

test('shrinking takes means, growing interpolates, each axis on its own', async () => {
  const value = (x: number, y: number): number => (x * 40 + y * 25) % 256
  const image = draw(6, 2, value)
  // 6 columns become 2, the means of three each; 2 rows become 4, a quarter and three quarters between.
  const mean = (p: number, y: number): number => [0, 1, 2].reduce((sum, i) => sum + value(3 * p + i, y) / 255, 0) / 3
  const expected = [0, 0.25, 0.75, 1].flatMap((t) => [0, 1].map((p) => mean(p, 0) * (1 - t) + mean(p, 1) * t))
  await expectNear(imageToTensor(image, { size: [4, 2], channels: 1 }), [1, 4, 2, 1], expected)
  // Without means the two columns are those in the middle of their three.
  const picked = [0, 1].flatMap((y) => [1, 4].map((x) => value(x, y) / 255))
  await expectNear(imageToTensor(image, { size: 2, channels: 1, antialias: false }), [1, 2, 2, 1], picked)
})

test("fit: 'cover' takes the middle", async () => {
  const value = (x: number, y: number): number => x * 10 + y
  const whole = imageToTensor(draw(7, 2, value), { size: 2, channels: 1, fit: 'cover' })
  await expectNear(whole, [1, 2, 2, 1], [20 / 255, 30 / 255, 21 / 255, 31 / 255])
  const tall = imageToTensor(draw(1, 5, value), { size: [1, 2], channels: 1, fit: 'cover' })
  await expectNear(tall, [1, 1, 2, 1], [2 / 255, 2 / 255])
})

test('a tensor becomes pixels again, rounded and clamped', async () => {
  const image = draw(5, 3, speckled)
  expect(await toPixels(imageToTensor(image))).toEqual(image)
  expect(await toPixels(imageToTensor(image, { channels: 4 }))).toEqual(image)
  const grey = tensor([[[-1], [0.501], [7]]])
  expect((await toPixels(grey)).data).toEqual(
    Uint8ClampedArray.of(0, 0, 0, 255, 128, 128, 128, 255, 255, 255, 255, 255),
  )
  const right = 'it must be [height, width, channels] with 1, 3 or 4 channels'
  await expect(toPixels(tensor([[1, 2]]))).rejects.toThrow(`toPixels: the image is [1, 2]; ${right}`)
  await expect(toPixels(tensor([[[1, 2]]]))).rejects.toThrow(`toPixels: the image is [1, 1, 2]; ${right}`)
  await expect(toImageData(grey)).rejects.toThrow(
    'toImageData: there is no ImageData outside pages and workers; take toPixels',
  )
})

test('says what does not fit', () => {
  const image = draw(2, 2, speckled)
  expect(() => imageToTensor({ ...image, width: 3 })).toThrow('imageToTensor: 3 x 2 pixels and 16 bytes; RGBA takes 24')
  expect(() => imageToTensor({ ...image, width: 0 })).toThrow(
    'imageToTensor: the image is 0 x 2 pixels; it must have one at least',
  )
  expect(() => imageToTensor(image, { size: [1, 0] })).toThrow(
    'imageToTensor: size is [1,0]; it must be whole numbers above 0, [height, width] or one for both',
  )
  expect(() => imageToTensor(image, { channels: 2 as 3 })).toThrow('imageToTensor: channels is 2; it must be 1, 3 or 4')
  expect(() => imageToTensor(image, { mean: [1, 2] })).toThrow(
    'imageToTensor: mean has 2 numbers and there are 3 channels; each channel needs one',
  )
})
