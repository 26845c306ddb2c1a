import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { compile, openDevice, spec, type Tensor, tuningFile } from '../../src/node.ts'
import { planted } from '../engine/planted.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'wgrad-tuning-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

test('a file is made with its folder, replaced whole and left alone where it cannot be written', async () => {
  const folder = join(root, 'a', 'b')
  const file = tuningFile(join(folder, 'answers.json'))
  expect(await file.read()).toBeNull()
  await file.write('one')
  expect(await file.read()).toBe('one')
  const texts = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(200_000))
  await Promise.all(texts.map((text) => file.write(text)))
  expect(texts).toContain(await file.read())
  expect(await readdir(folder)).toEqual(['answers.json'])
  await mkdir(join(folder, 'taken'))
  await expect(tuningFile(join(folder, 'taken')).write('x')).rejects.toThrow(
    /^tune: .*taken cannot be written \(.*\); what was there is whole$/,
  )
  await expect(tuningFile(join(folder, 'taken')).read()).rejects.toThrow(/^tune: .*taken cannot be read/)
  expect(await readdir(folder)).toEqual(['answers.json', 'taken'])
})

test('a device remembers in the cache folder, and goes on where that is no folder', async () => {
  const cache = join(root, 'cache')
  vi.stubEnv('XDG_CACHE_HOME', cache)
  try {
    const tune = async (): Promise<{ remembered: boolean | undefined; notes: readonly string[] }> => {
      const device = await openDevice()
      await compile((x: Tensor) => planted('slow', 'sound')(x), { device }).prepare([spec([64])], { tune: true })
      const { notes } = device.variants
      const remembered = device.variants.tuned()[0]?.remembered
      device.close()
      return { remembered, notes }
    }
    expect(await tune()).toEqual({ remembered: false, notes: [] })
    const text = await readFile(join(cache, 'wgrad', 'tuning.json'), 'utf8')
    expect(JSON.parse(text)).toEqual({ format: 'wgrad.tuning', version: 1, answers: expect.anything(), trials: {} })
    expect(await tune()).toEqual({ remembered: true, notes: [] })
    await rm(cache, { recursive: true })
    await writeFile(cache, 'a file')
    const { remembered, notes } = await tune()
    expect(remembered).toBe(false)
    expect(notes.join('\n')).toContain('cannot be written')
  } finally {
    vi.unstubAllEnvs()
  }
})
