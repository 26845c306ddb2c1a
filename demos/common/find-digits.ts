import { type ArrayDataset, drawDigits, fetchCached, type Idx, imageDataset, mnistFiles, readIdx } from 'wgrad/data'

/** Where the digits come from. */
export type DigitsSource = 'mnist' | 'mnist-all' | 'drawn'

/** Digits to train on and, apart from them, digits to test with. */
export interface Digits {
  /** What they are: drawn also where MNIST could not be fetched. */
  readonly of: DigitsSource
  readonly train: ArrayDataset<'x' | 'y'>
  readonly test: ArrayDataset<'x' | 'y'>
  /** Where they come from, for people. */
  readonly source: string
}

/** How digits are looked for. */
export interface FindOptions {
  /** A folder's address with MNIST's files, tried before {@link mirror}. */
  readonly mnist: string | null
  readonly signal: AbortSignal
  readonly onProgress: (what: string, share: number) => void
}

/** MNIST's files on a server that lets pages of others read them; what arrives is checked by its SHA-256. */
const mirror = 'https://cdn.jsdelivr.net/gh/fgnt/mnist/'

/** Digits drawn where MNIST is not to be had. */
const drawn = 6000

/** The digits asked for; drawn ones, saying so, where MNIST cannot be fetched. */
export async function findDigits(source: DigitsSource, options: FindOptions): Promise<Digits> {
  if (source === 'drawn') return draw(`${drawn.toLocaleString('en')} digits drawn by this page`)
  try {
    return await fetchMnist(source === 'mnist-all', options)
  } catch (cause) {
    options.signal.throwIfAborted()
    const why = cause instanceof Error ? cause.message : String(cause)
    return draw(`MNIST could not be fetched, so the page draws its own ${drawn.toLocaleString('en')} digits. ${why}`)
  }
}

function draw(source: string): Digits {
  const { images, labels } = drawDigits(drawn, { seed: 1 })
  return { of: 'drawn', ...split(images, labels, drawn - 1000), source }
}

async function fetchMnist(all: boolean, options: FindOptions): Promise<Digits> {
  const { testImages, testLabels, trainImages, trainLabels } = mnistFiles
  const files = all ? [testImages, testLabels, trainImages, trainLabels] : [testImages, testLabels]
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  let before = 0
  const parts: Idx[] = []
  for (const file of files) {
    const onProgress = (received: number): void => options.onProgress('Fetching MNIST', (before + received) / total)
    parts.push(await readIdx(await fetchFirst(file, { ...options, onProgress })))
    before += file.bytes
  }
  const [images, labels, moreImages, moreLabels] = parts as [Idx, Idx, Idx?, Idx?]
  if (!moreImages || !moreLabels) {
    return { of: 'mnist', ...split(images, labels, 8000), source: 'MNIST, 8,000 digits to train on' }
  }
  const source = 'MNIST, 60,000 digits to train on'
  return { of: 'mnist-all', train: imageDataset(moreImages, moreLabels), test: imageDataset(images, labels), source }
}

/** The file from the first address that has it. */
async function fetchFirst(
  file: (typeof mnistFiles)['testImages'],
  { mnist, signal, onProgress }: Omit<FindOptions, 'onProgress'> & { onProgress: (received: number) => void },
): Promise<Uint8Array<ArrayBuffer>> {
  const failures: string[] = []
  for (const folder of [mnist, mirror]) {
    if (folder === null) continue
    try {
      return await fetchCached(folder + file.name, { ...file, signal, onProgress })
    } catch (cause) {
      signal.throwIfAborted()
      failures.push(cause instanceof Error ? cause.message : String(cause))
    }
  }
  throw new Error(failures.join('; '))
}

function split(images: Idx, labels: Idx, forTraining: number): Pick<Digits, 'train' | 'test'> {
  const all = imageDataset(images, labels)
  return { train: all.slice(0, forTraining), test: all.slice(forTraining) }
}
