import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readTar, unpackBrotli, writeFolder } from '../../src/node/archive.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wgrad-archive-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** A tar archive as ustar writes it. */
function tar(files: Record<string, string>): Buffer {
  const parts = Object.entries(files).flatMap(([name, content]) => {
    const head = Buffer.alloc(512)
    head.write(name, 0)
    head.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
    head.write(name.endsWith('/') ? '5' : '0', 156)
    const body = Buffer.alloc(Math.ceil(content.length / 512) * 512)
    body.write(content)
    return [head, body]
  })
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}

test('the plain files of an archive come out whole and in order', () => {
  const long = 'x'.repeat(1025)
  const entries = readTar(tar({ 'lib/': '', 'lib/a': 'hello', empty: '', long }))
  expect(entries.map(({ name, data }) => [name, new TextDecoder().decode(data)])).toEqual([
    ['lib/a', 'hello'],
    ['empty', ''],
    ['long', long],
  ])
})

test('a compressed archive unpacks, and so does a single file', async () => {
  const packed = await unpackBrotli(brotliCompressSync(tar({ a: '1', b: '2' })), 'x.tar')
  expect(packed.map(({ name }) => name)).toEqual(['a', 'b'])
  const [single] = await unpackBrotli(brotliCompressSync(Buffer.from('elf')), 'program')
  expect(single?.name).toBe('program')
})

test('writers of one folder do not disturb each other, and nothing leaves it', async () => {
  const target = join(folder, 'driver')
  const entries = readTar(tar({ 'lib/a': 'hello', '../escaped': 'no' }))
  await Promise.all([writeFolder(target, entries), writeFolder(target, entries), writeFolder(target, entries)])
  expect(await readdir(folder)).toEqual(['driver'])
  expect(await readFile(join(target, 'lib/a'), 'utf8')).toBe('hello')
})
