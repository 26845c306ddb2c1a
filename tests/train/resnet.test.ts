import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { resnetCommand } from '../../scripts/train/resnet.ts'
import { openSafetensors } from '../../src/io/index.ts'

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
