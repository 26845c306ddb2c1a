import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { Browser } from 'puppeteer-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser, openPage } from '../../../scripts/support/browser.ts'
import { type PageServer, servePages } from '../../../scripts/support/pages.ts'
import { ArrayDataset } from '../../../src/data/dataset.ts'
import { serveDataset } from '../../../src/data/serve-dataset.ts'
import { workerDataset } from '../../../src/data/worker-dataset.ts'
import { behaviour } from './behaviour.ts'
import type {} from './in-page.ts'

/** What both environments do alike. */
const expected = {
  order: true,
  makers: 3,
  closed: 'workerDataset: the dataset was closed; open another',
  length: 100,
  refused: 'samples: sample 90 is refused; ask for another',
  failed:
    'workerDataset: a batch of 1 samples failed in its worker, TypeError: there is no such thing; the cause has its stack',
  cause: 'TypeError: there is no such thing',
  kept: [
    [2, 1_000],
    [1, 1_000],
  ],
  lengthLeftBehind: 0,
  view: [6, 7],
  asked: 4,
  calledOff: ['enough', 'enough', 'enough', 'enough'],
  afterwards: [3],
  calls: 3,
  stopped: 2,
  tooLate: 'enough',
  closedWhileRunning: 'workerDataset: the dataset was closed; open another',
  noDataset:
    'workerDataset: worker 1 of 1 could not make its dataset, RangeError: the file is not there; the cause has its stack',
}

const died = (reason: RegExp): unknown => {
  const told = expect.stringMatching(reason)
  return { death: [told, told, told, told, told, told], afterDeath: told }
}

describe('in Node', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wgrad-worker-'))
    const entries = ['samples', 'fails-to-start', 'leaves-open'].map((name): [string, string] => [
      name,
      fileURLToPath(new URL(`./${name}.ts`, import.meta.url)),
    ])
    await build({
      configFile: false,
      logLevel: 'silent',
      build: {
        ssr: true,
        outDir: folder,
        rollupOptions: { input: Object.fromEntries(entries), output: { entryFileNames: '[name].mjs' } },
      },
    })
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  const start = (name: string): Worker => new Worker(pathToFileURL(join(folder, `${name}.mjs`)), { stderr: true })

  test('datasets live in workers: order, errors, cancelling and death', async () => {
    expect(await behaviour(start)).toMatchObject({
      ...expected,
      ...(died(/^workerDataset: worker [12] of 2 ended, Error: nobody catches this; start again$/) as object),
      noScript: expect.stringMatching(
        /^workerDataset: worker 1 of 1 ended, .*Cannot find module .*is-not-there.*; start again$/s,
      ),
    })
  })

  test('a worker that exits says with which code', async () => {
    const dataset = await workerDataset(() => start('samples'))
    await expect(dataset.batch(Uint32Array.of(94))).rejects.toThrow(
      'workerDataset: worker 1 of 1 ended, its thread ended with exit code 3; start again',
    )
  })

  test('an idle worker does not keep a process alive, and a busy one does', async () => {
    const run = promisify(execFile)
    const { stdout } = await run(process.execPath, [join(folder, 'leaves-open.mjs')], { timeout: 20_000 })
    expect(stdout).toBe('1 2 3')
  })

  test('all workers must serve the same dataset, and one that cannot be started ends the others', async () => {
    let ended = 0
    const served = (length: number) => {
      const { port1, port2 } = new MessageChannel()
      serveDataset(new ArrayDataset({ y: { data: new Uint8Array(length), shape: [length] } }), port1)
      return Object.assign(port2, { terminate: () => [ended++, port1.close()] })
    }
    let n = 3
    await expect(workerDataset(() => served(n++), { workers: 2 })).rejects.toThrow(
      'workerDataset: workers hold 3, 4 samples; each must serve the same dataset',
    )
    expect(ended).toBe(2)
    const second = (): ReturnType<typeof served> => {
      if (ended++ === 3) throw new Error('no more workers')
      return served(1)
    }
    await expect(workerDataset(second, { workers: 2 })).rejects.toThrow('no more workers')
    expect(ended).toBe(5)
    await expect(workerDataset(second, { workers: 0 })).rejects.toThrow(
      'workerDataset: workers is 0; it must be a whole number above 0',
    )
  })

  test('outside a worker there is nobody to serve', () => {
    const dataset = new ArrayDataset({ y: { data: new Uint8Array(1), shape: [1] } })
    expect(() => serveDataset(dataset)).toThrow(
      'serveDataset: this is no worker; call it in a worker, or give it a port',
    )
  })
})

describe('in a page', () => {
  let server: PageServer
  let browser: Browser
  beforeAll(async () => {
    server = await servePages()
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  test('datasets live in workers: order, errors, cancelling and death', async () => {
    const { page, errors } = await openPage(browser, `${server.url}/blank`)
    await page.evaluate("import('/tests/data/worker/in-page.ts')")
    const seen = await page.evaluate(() => globalThis.wgradWorkers())
    expect(seen).toMatchObject({
      ...expected,
      ...(died(
        /^workerDataset: worker [12] of 2 ended, Uncaught Error: nobody catches this \(.*:\d+\); start again$/,
      ) as object),
      noScript: 'workerDataset: worker 1 of 1 ended, its script could not be loaded; start again',
    })
    expect(errors.filter((text) => !/404|Failed to load/.test(text))).toEqual([])
  })
})
