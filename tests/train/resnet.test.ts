import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { readImageData } from '../../scripts/train/image-data.ts'
import { openWeights } from '../../scripts/train/image-weights.ts'
import { resnetCommand } from '../../scripts/train/resnet.ts'
import { type FileSource, openSafetensors, readSafetensors, writeSafetensors } from '../../src/io/index.ts'

let folder: string
let digits: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wgrad-resnet-'))
  digits = await mkdtemp(join(folder, 'digits-'))
  const [count, side] = [20, 8]
  const pixel = (i: number): number => (Math.floor(i / side ** 2) % 2 === 0 ? 200 : 20)
  await writeFile(join(digits, 'a-images-idx3-ubyte'), idx([count, side, side], pixel))
  await writeFile(
    join(digits, 'a-labels-idx1-ubyte'),
    idx([count], (i) => i % 2),
  )
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(() => vi.restoreAllMocks())

/** A file of bytes as MNIST has them. */
function idx(shape: readonly number[], value: (i: number) => number): Uint8Array {
  const sizes = shape.flatMap((size) => [0, 0, 0, size])
  const count = shape.reduce((a, b) => a * b, 1)
  return Uint8Array.from([0, 0, 8, shape.length, ...sizes, ...Array.from({ length: count }, (_, i) => value(i))])
}

/** Trains; the lines that the command prints. */
async function train(...flags: string[]): Promise<string[]> {
  const lines: string[] = []
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line))
  await resnetCommand()
    .exitOverride()
    .parseAsync(['--data', digits, ...flags], { from: 'user' })
  return lines
}

const little = ['--width', '2', '--epochs', '1', '--batch-size', '8', '--augment', 'none']

test('keeps the network in a folder that was not there', async () => {
  const file = join(folder, 'new', 'folder', 'digits.safetensors')
  const lines = await train(...little, '--save', file)
  expect(lines).toContain(`Saved: ${file}`)
  expect(await readdir(join(folder, 'new', 'folder'))).toEqual(['digits.safetensors'])
  const { metadata } = await openSafetensors(await readFile(file))
  expect(JSON.parse(metadata.wgrad ?? '')).toMatchObject({
    architecture: 'resnet20',
    width: 2,
    size: 8,
    classes: ['0', '1'],
  })
})

test('says before it trains that a file cannot be written', async () => {
  const [images] = await readdir(digits)
  for (const option of ['--save', '--report']) {
    await expect(train(...little, option, join(digits, images as string, 'x'))).rejects.toThrow(
      new RegExp(`^resnet: ${option} .*/x cannot be written \\(.+\\); name a file that can$`),
    )
    await expect(train(...little, option, folder)).rejects.toThrow(
      `${option} ${folder} cannot be written (it is no file)`,
    )
  }
})

test('a backbone that was never trained is not frozen', async () => {
  await expect(train(...little, '--freeze')).rejects.toThrow(
    /^resnet: --freeze is given without --weights, .*; name the --weights of a trained one, or leave --freeze out$/,
  )
})

/** How many images there are to train on and to test with. */
async function counts(path: string, testShare: number): Promise<readonly [train: number, test: number]> {
  const { train, test } = await readImageData(path, { testShare, size: 8, seed: 1 })
  return [train.length, test.length]
}

test('each class of two images is tested with one at least', async () => {
  const pictures = await mkdtemp(join(folder, 'pictures-'))
  for (const [name, count] of Object.entries({ cat: 4, dog: 10, eel: 1 })) {
    await mkdir(join(pictures, name))
    for (let i = 0; i < count; i++) await writeFile(join(pictures, name, `${i}.png`), '')
  }
  // The cat would be without: a fifth of four is none.
  expect(await counts(pictures, 0.2)).toEqual([12, 3])
  expect(await counts(pictures, 0.5)).toEqual([8, 7])
  await expect(counts(pictures, 0)).rejects.toThrow(
    'resnet: 0 of 15 images are left to test with; give more images or a larger --test-share',
  )
})

test('images to train on and to test with are asked for before the training', async () => {
  expect(await counts(digits, 0.2)).toEqual([16, 4])
  await expect(counts(digits, 0.02)).rejects.toThrow(
    'resnet: 0 of 20 images are left to test with; give more images or a larger --test-share',
  )
  await expect(counts(digits, 1)).rejects.toThrow(
    'resnet: 0 of 20 images are left to train on; give more images or a smaller --test-share',
  )
})

describe('weights of a URL', () => {
  const file = writeSafetensors({ weight: { shape: [2 ** 20 + 1], data: new Float32Array(2 ** 20 + 1).fill(0.5) } })

  let cache: string

  /** Opens weights of a server, twice; what came back, and how many requests it took each time. */
  async function openTwice(ranges: boolean, body = file): Promise<{ opened: FileSource[]; requests: number[] }> {
    cache = await mkdtemp(join(folder, 'cache-'))
    vi.stubEnv('XDG_CACHE_HOME', cache)
    vi.spyOn(console, 'log').mockReturnValue(undefined)
    let asked = 0
    const server = createServer(({ headers }, response) => {
      asked++
      const [, from, last] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? []
      if (!ranges) return response.end(body)
      const part = body.subarray(Number(from), Number(last) + 1)
      const range = `bytes ${from}-${Number(from) + part.length - 1}/${body.length}`
      return response.writeHead(206, { 'Content-Range': range }).end(part)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.safetensors`
    const [opened, requests]: [FileSource[], number[]] = [[], []]
    try {
      for (let i = 0; i < 2; i++) {
        opened.push(await openWeights(url))
        requests.push(asked)
      }
    } finally {
      vi.unstubAllEnvs()
      server.close()
    }
    return { opened, requests }
  }

  test.each([
    ['whole', false, 1],
    ['in parts', true, 3],
  ])('are fetched %s, once', async (_, ranges, count) => {
    const { opened, requests } = await openTwice(ranges)
    expect(requests).toEqual([count, count])
    for (const source of opened) expect((await readSafetensors(source)).weight?.data).toHaveLength(2 ** 20 + 1)
  })

  test('are not kept where they are none', async () => {
    await expect(openTwice(false, new TextEncoder().encode('<html>sorry'))).rejects.toThrow(/^safetensors: /)
    expect(await readdir(cache)).toEqual([])
  })
})
