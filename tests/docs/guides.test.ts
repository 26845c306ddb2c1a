import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format } from 'node:util'
import { afterEach, expect, test, vi } from 'vitest'
import { defaultDevice } from '../../src/index.ts'
import { blocksOf, listGuides, programOf, readGuide, withSources } from './guide.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const programs = listGuides().flatMap((name) => {
  const code = programOf(readGuide(name))
  return code === null ? [] : [{ name, code }]
})

/** `console.log(x) // text` as a call that hands over what is shown and the text. */
function withShown(code: string): string {
  return code.replace(/^( *)console\.log\((.*)\) \/\/ (.+)$/gm, (_, space: string, args: string, text: string) => {
    return `${space}shown(${JSON.stringify(text)}, ${args})`
  })
}

/** Runs a program in a folder of its own; answers with what it showed, and what its comments say it shows. */
async function run(code: string): Promise<{ shown: string[]; expected: string[] }> {
  const result = { shown: [] as string[], expected: [] as string[] }
  const show = (text: string, ...args: unknown[]): void => {
    result.expected.push(text)
    result.shown.push(format(...args))
  }
  Object.assign(globalThis, { shown: show })
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  const folder = await mkdtemp(join(tmpdir(), 'wgrad-guide-'))
  const before = process.cwd()
  try {
    const file = join(folder, 'program.ts')
    await writeFile(
      file,
      withSources(withShown(code), (source) => join(root, source)),
    )
    process.chdir(folder)
    await import(/* @vite-ignore */ file)
  } finally {
    process.chdir(before)
    log.mockRestore()
    await rm(folder, { recursive: true })
  }
  return result
}

afterEach(() => {
  try {
    defaultDevice().close()
  } catch {
    // A program that closed its device has left none.
  }
})

test.each(programs)('$name runs and shows what it says', async ({ code }) => {
  const { shown, expected } = await run(code)
  expect(shown).toEqual(expected)
})

test('what a program shows is compared with its comments', async () => {
  const code = "console.log(1 + 1) // 2\nconsole.log([1, 'a'], true) // [ 1, 'a' ] true\nconsole.log(2)\n"
  expect(await run(code)).toEqual({ shown: ['2', "[ 1, 'a' ] true"], expected: ['2', "[ 1, 'a' ] true"] })
})

test('blocks are found with their language and file', () => {
  const text = 'a\n```ts\nx\n```\nb\n```ts worker.ts\ny\nz\n```\n```sh\nls\n```\n'
  expect(blocksOf(text)).toEqual([
    { language: 'ts', file: null, code: 'x\n' },
    { language: 'ts', file: 'worker.ts', code: 'y\nz\n' },
    { language: 'sh', file: null, code: 'ls\n' },
  ])
})
