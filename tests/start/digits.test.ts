import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { findDigits } from '../../scripts/start/digits.ts'
import { drawDigits, mnistFiles } from '../../src/data/index.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wgrad-start-'))
})

afterEach(async () => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
  await rm(folder, { recursive: true })
})

/** An IDX file of bytes. */
function idx(shape: number[], data: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length))
  header.setUint32(0, 0x0800 + shape.length)
  shape.forEach((n, axis) => {
    header.setUint32(4 + 4 * axis, n)
  })
  return Buffer.concat([new Uint8Array(header.buffer), data])
}

async function writePair(images: string, labels: string, n: number, seed: number): Promise<void> {
  const drawn = drawDigits(n, { seed })
  await writeFile(images, gzipSync(idx([n, 28, 28], drawn.images.data)))
  await writeFile(labels, gzipSync(idx([n], drawn.labels.data)))
}

const quiet = { program: 'start', all: false, seed: 1, say: () => undefined }

describe('findDigits', () => {
  test('splits the test digits when only they are there, in the folder or in its folder mnist', async () => {
    await mkdir(join(folder, 'mnist'))
    const { testImages, testLabels } = mnistFiles
    await writePair(join(folder, 'mnist', testImages.name), join(folder, 'mnist', testLabels.name), 50, 1)
    for (const place of [folder, join(folder, 'mnist')]) {
      const digits = await findDigits({ ...quiet, folder: place })
      expect(digits).toMatchObject({ train: 40, test: 10, source: `MNIST, 50 digits from ${place}` })
      expect(digits.images).toEqual(drawDigits(50, { seed: 1 }).images.data)
    }
  })

  test('uses the training files too when they are there', async () => {
    const { testImages, testLabels, trainImages, trainLabels } = mnistFiles
    await writePair(join(folder, testImages.name), join(folder, testLabels.name), 10, 1)
    await writePair(join(folder, trainImages.name), join(folder, trainLabels.name), 30, 2)
    const digits = await findDigits({ ...quiet, folder })
    expect(digits).toMatchObject({ train: 30, test: 10 })
    expect(digits.labels.slice(0, 30)).toEqual(drawDigits(30, { seed: 2 }).labels.data)
    expect(digits.labels.slice(30)).toEqual(drawDigits(10, { seed: 1 }).labels.data)
  })

  test('says what a folder lacks, and what is wrong with a file', async () => {
    await expect(findDigits({ ...quiet, folder })).rejects.toThrow(
      `start: no MNIST files in ${folder}; it must hold t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz, in it or in its folder mnist`,
    )
    const [images, labels] = [join(folder, mnistFiles.testImages.name), join(folder, mnistFiles.testLabels.name)]
    await writePair(images, labels, 5, 1)
    await copyFile(images, labels)
    await expect(findDigits({ ...quiet, folder })).rejects.toThrow(
      'start: the labels are u8 [5, 28, 28]; 5 images need u8 [5]',
    )
    await writeFile(labels, gzipSync(idx([5], Uint8Array.of(1, 2, 3, 4, 10))))
    await expect(findDigits({ ...quiet, folder })).rejects.toThrow('start: a label is 10; digits go from 0 to 9')
    await writeFile(images, idx([5, 28, 28], new Uint8Array(100)))
    await expect(findDigits({ ...quiet, folder })).rejects.toThrow('the file is truncated or its header is wrong')
  })

  test('without a network says so and draws', async () => {
    vi.stubEnv('XDG_CACHE_HOME', folder)
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('fetch failed')))
    const lines: string[] = []
    const digits = await findDigits({ ...quiet, say: (line) => lines.push(line) })
    expect(digits).toMatchObject({ train: 8000, test: 2000, source: '10,000 digits drawn by this program' })
    expect(lines).toEqual([
      `MNIST cannot be downloaded: fetchCached: ${mnistFiles.testImages.url} cannot be fetched (fetch failed); check the network or the address`,
      'Training on digits drawn by this program instead; --data DIR trains on MNIST files you have.',
    ])
  })
})
