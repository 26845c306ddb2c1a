import { launchBrowser, openPage } from '../../scripts/support/browser.ts'
import type { Host, Room } from '../run/host.ts'
import { type Call, cellCalls } from './messages.ts'
import { buildPages, serveFolder } from './pages.ts'

/** Which adapter a browser is to give its pages: `auto` is a real GPU where there is one. */
export interface BrowserHostOptions {
  readonly adapter: 'auto' | 'hardware' | 'software'
}

/** Headless Chrome: each room is a browser of its own, so that a GPU process that hangs takes nobody else along. */
export async function browserHost({ adapter }: BrowserHostOptions): Promise<Host> {
  const server = await serveFolder(await buildPages())
  const address = `${server.url}/bench/hosts/page.html`
  const launch = (hardware: boolean): ReturnType<typeof launchBrowser> =>
    launchBrowser({ hardware, exactTimestamps: true, survivesInterrupt: true })
  const choose = async (): Promise<{ name: string; hardware: boolean }> => {
    for (const hardware of adapter === 'auto' ? [true, false] : [adapter === 'hardware']) {
      const browser = await launch(hardware)
      try {
        const { page } = await openPage(browser, address)
        const found = await page.evaluate(async () => {
          const info = (await navigator.gpu?.requestAdapter())?.info
          return info ? !info.isFallbackAdapter && !/swiftshader|llvmpipe/i.test(info.description) : null
        })
        if (found === true || (found !== null && !hardware)) return { name: await browser.version(), hardware }
      } finally {
        await browser.close()
      }
    }
    throw new Error(`bench: Chrome has no ${adapter === 'auto' ? '' : `${adapter} `}adapter here; --node may find one`)
  }
  const { name, hardware } = await choose().catch(async (error: unknown) => {
    await server.close()
    throw error
  })
  const rooms = new Set<Room>()
  return {
    name,
    lacks: () => null,
    async room() {
      const browser = await launch(hardware)
      const { page, errors } = await openPage(browser, address)
      await page.waitForFunction('globalThis.cell !== undefined')
      const client = await page.createCDPSession()
      const call: Call = async (method, args) => {
        try {
          // As text: a function would be compiled for Node, where it may refer to helpers that a page has not.
          return await page.evaluate(`globalThis.cell[${JSON.stringify(method)}](...${JSON.stringify(args)})`)
        } catch (error) {
          // What a device reports on the console often says more than what is thrown because of it.
          const told = errors.at(0)
          throw told ? new Error(`${(error as Error).message.split('\n')[0]} (${told})`) : error
        }
      }
      const room: Room = {
        ...cellCalls(call),
        async heapBytes() {
          await client.send('HeapProfiler.collectGarbage')
          const { usedSize, backingStorageSize } = await client.send('Runtime.getHeapUsage')
          return usedSize + backingStorageSize
        },
        async kill() {
          rooms.delete(room)
          const process = browser.process()
          const gone = new Promise<void>((resolve) => {
            // One that a signal ended has no exit code, and tells of its end but once.
            if (!process || process.exitCode !== null || process.signalCode !== null) return resolve()
            process.once('exit', () => resolve())
          })
          process?.kill('SIGKILL')
          await gone
          await browser.close().catch(() => undefined)
        },
      }
      rooms.add(room)
      return room
    },
    async close() {
      await Promise.all([...rooms].map((room) => room.kill()))
      await server.close()
    },
  }
}
