import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { random } from '../../src/data/index.ts'
import type { Module } from '../../src/nn/index.ts'
import { folderStore } from '../../src/node.ts'
import { readCheckpoint, saveCheckpoint } from '../../src/train/index.ts'

/** How often the child is killed; a few times unless told. */
const kills = Number(process.env.WGRAD_KILLS ?? 8)

let folder: string
let program: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wgrad-kill-'))
  // One file, so that a child starts in no time. It lies in the repository to find the packages it needs.
  const outDir = fileURLToPath(new URL('../../node_modules/.cache/wgrad-kill', import.meta.url))
  const rollupOptions = { external: ['webgpu'], output: { entryFileNames: 'child.mjs' } }
  await build({
    configFile: false,
    logLevel: 'error',
    build: { ssr: fileURLToPath(new URL('kill-child.ts', import.meta.url)), outDir, minify: false, rollupOptions },
  })
  program = join(outDir, 'child.mjs')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Starts a child, kills it `delay` ms after its first checkpoint, and answers with the steps it said were complete. */
async function killed(args: readonly string[], delay: number): Promise<number[]> {
  const child: ChildProcess = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  let errors = ''
  const first = new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (text: Buffer) => {
      said += text.toString()
      resolve()
    })
    child.stderr?.on('data', (text: Buffer) => {
      errors += text.toString()
    })
    child.on('exit', () => reject(new Error(`the child ended by itself: ${errors}`)))
  })
  const closed = new Promise((resolve) => child.on('close', resolve))
  await first
  await new Promise((resolve) => setTimeout(resolve, delay))
  child.kill('SIGKILL')
  await closed
  return said.split('\n').slice(0, -1).map(Number)
}

async function temporaries(path: string): Promise<string[]> {
  return (await readdir(path)).filter((file) => file.endsWith('.part'))
}

test('a kill at any moment leaves whole checkpoints alone, the newest among them', async () => {
  const path = join(folder, 'numbers')
  const store = folderStore(path)
  const { uniform } = random(11)
  let last = 0
  let hits = 0
  for (let k = 0; k < kills; k++) {
    const steps = await killed([path, 'numbers', '4'], uniform() * 120)
    // The child went on from the newest one.
    expect(steps[0]).toBeGreaterThan(last)
    const litter = await temporaries(path)
    hits += litter.length
    expect(litter.length).toBeLessThanOrEqual(1)
    const files = await store.list()
    expect(files.length).toBeGreaterThanOrEqual(1)
    // Three stay; a kill may come between the writing of one and the removal of another.
    expect(files.length).toBeLessThanOrEqual(4)
    const warnings: string[] = []
    const newest = await readCheckpoint(store, 'run', { onWarning: (message) => warnings.push(message) })
    expect(warnings).toEqual([])
    // What was said to be kept is kept.
    expect(newest?.step).toBeGreaterThanOrEqual(steps.at(-1) as number)
    expect(new Set(newest?.model.weight?.data as Float32Array)).toEqual(new Set([newest?.step]))
    last = newest?.step as number
  }
  // Otherwise no kill came while a file was being written, and nothing was shown.
  expect(hits).toBeGreaterThan(0)
  const device = { variants: { pinned: () => ({}), used: () => ({}) } }
  const model = { stateDict: async () => ({}), parameters: () => [{ device }] } as unknown as Module
  await saveCheckpoint(store, 'run', { model }, { step: last + 1 })
  expect(await temporaries(path)).toEqual([])
  expect(await store.list()).toHaveLength(3)
})

test('a training that is killed goes on from its newest checkpoint', async () => {
  const path = join(folder, 'training')
  let last = 0
  for (let k = 0; k < Math.ceil(kills / 4); k++) {
    const steps = await killed([path, 'training'], random(12, k).uniform() * 200)
    expect(steps[0]).toBeGreaterThan(last)
    const newest = await readCheckpoint(folderStore(path), 'run')
    expect(newest?.step).toBeGreaterThanOrEqual(steps.at(-1) as number)
    expect(newest?.model['0.weight']?.shape).toEqual([512, 64])
    last = newest?.step as number
  }
})
