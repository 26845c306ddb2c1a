import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { main } from '../../scripts/start/main.ts'
import { drawDigits, mnistFiles } from '../../src/data/index.ts'

let folder: string

/** The folder as one that holds 60 digits, of which 48 are to train on. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wgrad-main-'))
  const { images, labels } = drawDigits(60, { seed: 1 })
  const count = [0, 0, 0, 60]
  const size = [0, 0, 0, 28]
  await writeFile(
    join(folder, mnistFiles.testImages.name),
    Uint8Array.of(0, 0, 8, 3, ...count, ...size, ...size, ...images.data),
  )
  await writeFile(join(folder, mnistFiles.testLabels.name), Uint8Array.of(0, 0, 8, 1, ...count, ...labels.data))
})

afterAll(() => rm(folder, { recursive: true }))

/** What a short run prints, and the report it leaves. */
async function run(adapter: 'node' | 'chrome'): Promise<{ lines: string[]; report: string; trace: unknown[] }> {
  const lines: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((line = '') => lines.push(line))
  const out = join(folder, adapter)
  try {
    await main({ data: folder, epochs: 2, batchSize: 16, learningRate: 1e-3, seed: 0, adapter, out })
  } finally {
    log.mockRestore()
  }
  const { traceEvents } = JSON.parse(await readFile(join(out, 'trace.json'), 'utf8'))
  return { lines, report: await readFile(join(out, 'report.html'), 'utf8'), trace: traceEvents }
}

test('in Node and in Chrome the job trains alike, prints its figures and writes its report', async () => {
  const inNode = await run('node')
  const inChrome = await run('chrome')
  for (const { lines, report, trace } of [inNode, inChrome]) {
    const text = lines.join('\n')
    expect(text).toContain(`Digits: MNIST, 60 digits from ${folder}; 48 to train on, 12 to test with`)
    expect(text).toMatch(/^test accuracy {2}\d+\.\d\d % of 12 digits$/m)
    expect(text).toMatch(/^speed {10}[\d.]+ steps per second, 16 digits each$/m)
    expect(text).toMatch(/^per step {7}\d+ dispatches, \d submits?, [\d.]+ MiB of memory traffic$/m)
    expect(text).toMatch(/^conv\/\w+ +\d +[\d.]+ +[\d.]+ %$/m)
    expect(report).toContain('of 12 digits read correctly</h1>')
    const dispatches = Number(/(\d+) dispatches/.exec(text)?.[1])
    expect(dispatches).toBeLessThanOrEqual(40)
    expect(trace).toHaveLength(dispatches)
  }
  const losses = ({ lines }: { lines: string[] }): (string | undefined)[] =>
    lines.flatMap((line) => (line.startsWith('epoch') ? [/loss ([\d.]+)/.exec(line)?.[1]] : []))
  expect(losses(inNode)).toHaveLength(2)
  expect(losses(inChrome)).toEqual(losses(inNode))
})
