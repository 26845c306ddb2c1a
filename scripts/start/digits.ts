import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drawDigits, fetchCached, type MnistFile, mnistFiles, readIdx } from '../../src/data/index.ts'
import type { Digits } from './result.ts'

/** Where to look for digits, and whom to tell. */
export interface FindDigitsOptions {
  /** Who asks: what errors begin with. */
  program: string
  /** A folder with MNIST's files, in it or in its folder `mnist`. */
  folder?: string
  /** Draw the digits, whatever the network has. */
  draw?: boolean
  /** Download all 70,000 digits and not only the 10,000 of the test files. */
  all: boolean
  seed: number
  say: (line: string) => void
  onProgress?: (file: string, received: number, total: number) => void
}

type Read = (file: MnistFile) => Promise<Uint8Array<ArrayBuffer> | undefined>

/** Digits from the folder, else from the network or its cache, else drawn. */
export async function findDigits(options: FindDigitsOptions): Promise<Digits> {
  const { program, folder, draw, all, seed, say, onProgress } = options
  if (folder !== undefined) {
    const found = await readMnist(program, (file) => readFrom(folder, file))
    if (found === undefined) {
      const { testImages, testLabels } = mnistFiles
      throw new Error(
        `${program}: no MNIST files in ${folder}; it must hold ${testImages.name} and ${testLabels.name}, in it or in its folder mnist`,
      )
    }
    return { ...found, source: `${describe(found)} from ${folder}` }
  }
  if (!draw) {
    const { trainImages, trainLabels } = mnistFiles
    const download: Read = async (file) => {
      if (!all && (file === trainImages || file === trainLabels)) return undefined
      return fetchCached(file.url, {
        ...file,
        onProgress: (received, total) => onProgress?.(file.name, received, total),
      })
    }
    try {
      const found = await readMnist(program, download)
      if (found !== undefined) return { ...found, source: `${describe(found)} (downloaded once, then cached)` }
    } catch (cause) {
      say(`MNIST cannot be downloaded: ${cause instanceof Error ? cause.message : cause}`)
      say('Training on digits drawn by this program instead; --data DIR trains on MNIST files you have.')
    }
  }
  const drawn = drawDigits(10_000, { seed })
  const source = '10,000 digits drawn by this program'
  return { images: drawn.images.data, labels: drawn.labels.data, train: 8000, test: 2000, source }
}

/**
 * MNIST as MNIST means it where the training files are there; where only the 10,000 test digits are, the first
 * 8,000 of them to train on and the last 2,000 to test with.
 */
async function readMnist(program: string, read: Read): Promise<Omit<Digits, 'source'> | undefined> {
  const testBytes = [await read(mnistFiles.testImages), await read(mnistFiles.testLabels)] as const
  if (testBytes[0] === undefined || testBytes[1] === undefined) return undefined
  const test = await readPair(program, testBytes[0], testBytes[1])
  const trainBytes = [await read(mnistFiles.trainImages), await read(mnistFiles.trainLabels)] as const
  if (trainBytes[0] === undefined || trainBytes[1] === undefined) {
    const n = test.labels.length
    const forTest = Math.floor(n / 5)
    return { ...test, train: n - forTest, test: forTest }
  }
  const train = await readPair(program, trainBytes[0], trainBytes[1])
  return {
    images: concat(train.images, test.images),
    labels: concat(train.labels, test.labels),
    train: train.labels.length,
    test: test.labels.length,
  }
}

interface Pair {
  images: Uint8Array<ArrayBuffer>
  labels: Uint8Array<ArrayBuffer>
}

async function readPair(
  program: string,
  imageBytes: Uint8Array<ArrayBuffer>,
  labelBytes: Uint8Array<ArrayBuffer>,
): Promise<Pair> {
  const images = await readIdx(imageBytes)
  const labels = await readIdx(labelBytes)
  const [n, rows, columns] = images.shape
  if (images.dtype !== 'u8' || images.shape.length !== 3 || rows !== 28 || columns !== 28) {
    throw new Error(
      `${program}: the images are ${images.dtype} [${images.shape.join(', ')}]; MNIST's are u8 [n, 28, 28]`,
    )
  }
  if (labels.dtype !== 'u8' || labels.shape.length !== 1 || labels.shape[0] !== n) {
    throw new Error(
      `${program}: the labels are ${labels.dtype} [${labels.shape.join(', ')}]; ${n} images need u8 [${n}]`,
    )
  }
  const wrong = labels.data.find((label) => label > 9)
  if (wrong !== undefined) throw new Error(`${program}: a label is ${wrong}; digits go from 0 to 9`)
  return { images: images.data, labels: labels.data }
}

/** The file, gzipped or not, in the folder or in its folder `mnist`; undefined where it is not. */
async function readFrom(folder: string, file: MnistFile): Promise<Uint8Array<ArrayBuffer> | undefined> {
  for (const place of [folder, join(folder, 'mnist')]) {
    for (const name of [file.name, file.name.replace(/\.gz$/, '')]) {
      const bytes = await readFile(join(place, name)).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined
        throw cause
      })
      if (bytes !== undefined) return new Uint8Array(bytes)
    }
  }
  return undefined
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

function describe({ train, test }: { train: number; test: number }): string {
  return `MNIST, ${(train + test).toLocaleString('en')} digits`
}
