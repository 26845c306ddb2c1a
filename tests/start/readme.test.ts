import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The path of the source behind a public name of the package. */
function sourceOf(entry: string): string {
  if (entry === 'wgrad') return join(root, 'src/index.ts')
  if (entry === 'wgrad/node') return join(root, 'src/node.ts')
  return join(root, 'src', entry.slice('wgrad/'.length), 'index.ts')
}

test('the example in the README trains', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  expect(readme.split('\n').length).toBeLessThan(150)
  const example = /^```ts\n([\s\S]*?)^```/m.exec(readme)?.[1] ?? ''
  const code = example.replace(/from '(wgrad[^']*)'/g, (_, entry: string) => `from ${JSON.stringify(sourceOf(entry))}`)
  const folder = await mkdtemp(join(tmpdir(), 'wgrad-readme-'))
  const losses: number[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((loss) => losses.push(loss))
  try {
    const file = join(folder, 'example.ts')
    await writeFile(file, code)
    await import(/* @vite-ignore */ file)
  } finally {
    log.mockRestore()
    await rm(folder, { recursive: true })
  }
  expect(losses).toHaveLength(50)
  const mean = (part: number[]): number => part.reduce((sum, loss) => sum + loss, 0) / part.length
  expect(mean(losses.slice(0, 5))).toBeGreaterThan(1.5)
  expect(mean(losses.slice(-5))).toBeLessThan(1)
})
