import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { launchBrowser, openPage } from '../scripts/support/browser.ts'
import { servePages } from '../scripts/support/pages.ts'
import { nodeGpu } from '../src/node.ts'
import { type Opened, Steady, type SteadyCalls, type WorkloadName } from './suites/steady.ts'

/** A step that is open somewhere, and the heap beside it. */
export interface Session extends SteadyCalls {
  readonly opened: Opened
  /** Bytes that live JavaScript objects take after a collection, with the memory behind typed arrays. */
  heapBytes(): Promise<number>
  close(): Promise<void>
}

/** Where suites run. */
export interface Host {
  /** `Chrome/147.0` */
  readonly name: string
  open(workload: WorkloadName): Promise<Session>
  close(): Promise<void>
}

/** Headless Chrome; each session is a page of its own, cross-origin isolated. */
export async function browserHost(hardware: boolean): Promise<Host> {
  const server = await servePages()
  const browser = await launchBrowser({ hardware }).catch(async (error: unknown) => {
    await server.close()
    throw error
  })
  return {
    name: await browser.version(),
    async open(workload) {
      const { page } = await openPage(browser, `${server.url}/blank`)
      // As text: a function would be compiled for Node, where imports are written otherwise.
      await page.evaluate("import('/bench/page.ts')")
      const isolated = await page.evaluate(() => crossOriginIsolated)
      if (!isolated) throw new Error('bench: the page is not cross-origin isolated, so its clock is too coarse')
      const client = await page.createCDPSession()
      return {
        opened: await page.evaluate((name) => globalThis.bench.open(name), workload),
        count: (steps) => page.evaluate((n) => globalThis.bench.count(n), steps),
        run: (steps, seconds) => page.evaluate((n, s) => globalThis.bench.run(n, s), steps, seconds),
        markBytes: () => page.evaluate(() => globalThis.bench.markBytes()),
        bytes: () => page.evaluate(() => globalThis.bench.bytes()),
        async heapBytes() {
          await client.send('HeapProfiler.collectGarbage')
          const { usedSize, backingStorageSize } = await client.send('Runtime.getHeapUsage')
          return usedSize + backingStorageSize
        },
        close: () => page.close(),
      }
    },
    async close() {
      await browser.close()
      await server.close()
    },
  }
}

/** Dawn in this process. */
export async function nodeHost(): Promise<Host> {
  const gpu = await nodeGpu()
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  return {
    name: `Node ${process.version}`,
    async open(workload) {
      const { steady, opened } = await Steady.open(workload, gpu)
      return {
        opened,
        count: (steps) => steady.count(steps),
        run: (steps, seconds) => steady.run(steps, seconds),
        markBytes: () => steady.markBytes(),
        bytes: () => steady.bytes(),
        async heapBytes() {
          collect()
          const { heapUsed, arrayBuffers } = process.memoryUsage()
          return heapUsed + arrayBuffers
        },
        close: async () => steady.close(),
      }
    },
    close: async () => undefined,
  }
}
