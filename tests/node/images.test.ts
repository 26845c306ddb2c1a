import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { DataLoader, random } from '../../src/data/index.ts'
import { imageFolder, readImage, WgradError } from '../../src/node.ts'
import { damaged } from '../fuzz/damage.ts'

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

/** A PNG file made by hand. `color` 0 is grey, 2 RGB, 6 RGBA; rows come as bytes without their filter. */
function png(width: number, height: number, color: 0 | 2 | 6, rows: readonly (readonly number[])[], bits = 8): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([bits, color, 0, 0, 0], 8)
  const data = deflateSync(Buffer.from(rows.flatMap((row) => [0, ...row])))
  const start = Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
  return Buffer.concat([start, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', new Uint8Array(0))])
}

const rgba = (...bytes: number[]): Uint8ClampedArray => Uint8ClampedArray.from(bytes)

/** A JPEG file, left half of one colour and right half of another, 32 x 16. */
function jpeg(orientation?: number): Promise<Buffer> {
  const raw = Buffer.from(
    Array.from({ length: 32 * 16 }, (_, i) => (i % 32 < 16 ? [200, 40, 90] : [20, 180, 230])).flat(),
  )
  const image = sharp(raw, { raw: { width: 32, height: 16, channels: 3 } })
  return (orientation ? image.withMetadata({ orientation }) : image).jpeg({ quality: 95 }).toBuffer()
}

describe('readImage', () => {
  test('PNG of every kind as RGBA', async () => {
    const [red, green] = [
      [255, 0, 0],
      [1, 200, 3],
    ] as const
    expect(await readImage(png(2, 1, 2, [[...red, ...green]]))).toEqual({
      width: 2,
      height: 1,
      data: rgba(...red, 255, ...green, 255),
    })
    const clear = png(1, 2, 6, [
      [...green, 7],
      [9, 8, 7, 0],
    ])
    expect(await readImage(clear)).toEqual({ width: 1, height: 2, data: rgba(...green, 7, 9, 8, 7, 0) })
    expect((await readImage(png(2, 1, 0, [[0, 77]]))).data).toEqual(rgba(0, 0, 0, 255, 77, 77, 77, 255))
    expect((await readImage(png(1, 1, 0, [[128, 255]], 16))).data[0]).toBe(128)
  })

  test('JPEG, turned as the camera says', async () => {
    const near = (bytes: ArrayLike<number>, at: number, ...expected: number[]): void => {
      for (const [i, value] of expected.entries()) expect(Math.abs((bytes[at + i] as number) - value)).toBeLessThan(6)
    }
    const flat = await readImage(await jpeg())
    expect([flat.width, flat.height]).toEqual([32, 16])
    near(flat.data, (8 * 32 + 4) * 4, 200, 40, 90, 255)
    near(flat.data, (8 * 32 + 28) * 4, 20, 180, 230, 255)
    const print = { width: 8, height: 8, channels: 3, background: { r: 200, g: 50, b: 100 } } as const
    const cmyk = await readImage(await sharp({ create: print }).toColourspace('cmyk').jpeg().toBuffer())
    expect(cmyk.data).toHaveLength(8 * 8 * 4)
    // Through inks and back, colours come out near.
    for (const [i, value] of [200, 50, 100, 255].entries()) {
      expect(Math.abs((cmyk.data[i] as number) - value)).toBeLessThan(25)
    }
    const turned = await readImage(new Uint8Array(await jpeg(6)))
    expect([turned.width, turned.height]).toEqual([16, 32])
    near(turned.data, (4 * 16 + 8) * 4, 200, 40, 90, 255)
    near(turned.data, (28 * 16 + 8) * 4, 20, 180, 230, 255)
  })

  test('in another size', async () => {
    const file = await jpeg()
    const stretched = await readImage(file, { size: [4, 5] })
    expect([stretched.width, stretched.height, stretched.data.length]).toEqual([5, 4, 80])
    const column = png(1, 3, 0, [[0], [100], [0]])
    expect((await readImage(column, { size: 1, fit: 'cover' })).data).toEqual(rgba(100, 100, 100, 255))
  })

  test('an image that claims to be huge is refused before it is decoded', async () => {
    const begun = performance.now()
    await expect(readImage(png(100_000, 100_000, 2, [[0, 0, 0]]))).rejects.toThrow(
      'readImage: the image is 100000 x 100000 pixels; at most 100000000 are decoded (maxPixels)',
    )
    await expect(readImage(png(3, 2, 0, [[1, 2, 3]]), { maxPixels: 5 })).rejects.toThrow(
      'readImage: the image is 3 x 2 pixels; at most 5 are decoded (maxPixels)',
    )
    expect(performance.now() - begun).toBeLessThan(2_000)
  })

  test('says what cannot be read', async () => {
    const start = (...bytes: number[]): Uint8Array => Uint8Array.of(...bytes, 0, 0, 0, 0)
    const right = 'PNG and JPEG can be read'
    await expect(readImage(start(0x47, 0x49, 0x46, 0x38))).rejects.toThrow(`readImage: the image is a GIF; ${right}`)
    await expect(readImage(new TextEncoder().encode('<svg/>'))).rejects.toThrow(
      `readImage: the image starts with the bytes 3c 73 76 67 2f 3e; ${right}`,
    )
    await expect(readImage(new ArrayBuffer(0))).rejects.toThrow(`readImage: the image is empty; ${right}`)
    await expect(readImage('/no/such.png')).rejects.toThrow(/^readImage: \/no\/such\.png cannot be read \(ENOENT/)
    const whole = await jpeg()
    await expect(readImage(whole.subarray(0, whole.length - 200))).rejects.toThrow(
      /^readImage: the image cannot be decoded \(.+\); the file is damaged$/s,
    )
    const damaged = png(2, 2, 0, [
      [1, 2],
      [3, 4],
    ])
    damaged[50] = (damaged[50] ?? 0) ^ 0xff
    await expect(readImage(damaged)).rejects.toThrow(/^readImage: the image cannot be decoded/)
    await expect(readImage(whole, { size: 0 })).rejects.toThrow(
      'readImage: size is 0; it must be whole numbers above 0, [height, width] or one for both',
    )
  })
})

test('without the package sharp, the error says what to install', async () => {
  vi.doMock('sharp', () => {
    throw new Error('not installed')
  })
  try {
    await expect(readImage(png(1, 1, 0, [[0]]))).rejects.toThrow(
      /^readImage: cannot load the package sharp \(.+\); it is an optional part of wgrad that decodes images: npm install sharp$/,
    )
  } finally {
    vi.doUnmock('sharp')
  }
})

test('damaged images are refused or read in the size their header says; nothing else happens', async () => {
  const files = [await jpeg(), png(9, 4, 6, Array(4).fill(Array.from({ length: 36 }, (_, i) => i * 7)))]
  const counts = { read: 0, refused: 0 }
  for (let seed = 0; seed < 300; seed++) {
    const r = random(23, seed)
    const bytes = damaged(r, files[seed % 2] as Buffer)
    try {
      const { width, height, data } = await readImage(bytes, { maxPixels: 10_000 })
      expect([data.length, width * height <= 10_000], `seed ${seed}`).toEqual([width * height * 4, true])
      counts.read++
    } catch (error) {
      expect([error instanceof WgradError, (error as Error).message], `seed ${seed}`).toEqual([
        true,
        expect.stringMatching(/^readImage: the image .+; .+$/s),
      ])
      counts.refused++
    }
  }
  // Damage that is always fatal, or never, tests nothing.
  expect(Math.min(counts.read, counts.refused), JSON.stringify(counts)).toBeGreaterThan(20)
})

describe('imageFolder', () => {
  let root: string
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'wgrad-images-'))
    const write = async (name: string, value: number): Promise<void> => {
      await mkdir(join(root, name, '..'), { recursive: true })
      await writeFile(join(root, name), png(2, 2, 0, Array(2).fill([value, value])))
    }
    await write('b/2.png', 102)
    await write('b/1.PNG', 51)
    await write('a/deep/er/x.png', 255)
    await writeFile(join(root, 'a', 'notes.txt'), 'no image')
    for (const hidden of ['a/._x.png', 'a/.thumbs/x.png', '.git/x.png', '__MACOSX/a/x.png']) await write(hidden, 0)
  })
  afterAll(() => rm(root, { recursive: true, force: true }))

  test('has a class for each folder, and batches of images in one size', async () => {
    const dataset = await imageFolder(root, { size: [1, 3] })
    expect([dataset.length, dataset.classes, [...dataset.labels]]).toEqual([3, ['a', 'b'], [0, 1, 1]])
    expect(dataset.files.map((file) => file.slice(root.length + 1))).toEqual(['a/deep/er/x.png', 'b/1.PNG', 'b/2.png'])
    for await (const { x, y } of new DataLoader(dataset, { batchSize: 3, prefetch: 1 }).hostBatches()) {
      expect([x.shape, y.data]).toEqual([[3, 1, 3, 3], Int32Array.of(0, 1, 1)])
      const expected = [1, 0.2, 0.4].flatMap((value) => Array<number>(9).fill(value))
      expect(x.data).toEqual(Float32Array.from(expected))
    }
    const grey = await imageFolder(root, { size: 1, channels: 1 })
    const { x } = await grey.batch(Uint32Array.of(2, 0))
    expect([x.shape, ...Array.from(x.data, (value) => Math.round(value * 1e6) / 1e6)]).toEqual([[2, 1, 1, 1], 0.4, 1])
  })

  test('says what does not fit', async () => {
    await mkdir(join(root, 'c'))
    await expect(imageFolder(root, { size: 1 })).rejects.toThrow(
      `imageFolder: ${join(root, 'c')} has no images; each class needs a PNG or JPEG file`,
    )
    await expect(imageFolder(join(root, 'c'), { size: 1 })).rejects.toThrow(
      `imageFolder: ${join(root, 'c')} has no folders; there must be one for each class`,
    )
    await rm(join(root, 'c'), { recursive: true })
    await writeFile(join(root, 'b', '3.png'), 'no image')
    const dataset = await imageFolder(root, { size: 1 })
    await expect(dataset.batch(Uint32Array.of(3))).rejects.toThrow(
      `readImage: ${join(root, 'b', '3.png')} starts with the bytes 6e 6f 20 69 6d 61 67 65; PNG and JPEG can be read`,
    )
    await expect(dataset.batch(Uint32Array.of(4))).rejects.toThrow(
      'imageFolder: sample 4 asked of 4; indices go from 0 to length - 1',
    )
  })
})
