import type { Browser, Page } from 'puppeteer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, openPage } from '../../scripts/support/browser.ts'
import { type PageServer, servePages } from '../../scripts/support/pages.ts'
import { browserStore } from '../../src/train/index.ts'
import type {} from './store-in-page.ts'

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

const load = "import('/tests/train/store-in-page.ts')"

async function open(): Promise<Page> {
  const { page } = await openPage(browser, `${server.url}/blank`)
  await page.evaluate(load)
  return page
}

test('a training goes on after a reload with the same bits', async () => {
  const page = await open()
  const whole = await page.evaluate(() => globalThis.wgradStore.train({ until: 9 }))
  const stopped = await page.evaluate(() => globalThis.wgradStore.train({ until: 5, saveAt: [5] }))
  await page.reload()
  await page.evaluate(load)
  const resumed = await page.evaluate(() => globalThis.wgradStore.train({ from: 'sgd-5', until: 9 }))
  expect({ ...stopped.losses, ...resumed.losses }).toEqual(whole.losses)
  expect(Object.keys(resumed.losses)).toEqual(['6', '7', '8', '9'])
  expect(resumed.end).toEqual(whole.end)
  await page.close()
})

test('files are kept by name, and pages and workers share them', async () => {
  const page = await open()
  expect(await page.evaluate(() => globalThis.wgradStore.roundTrip())).toEqual({
    before: { files: expect.arrayContaining(['a.bin', 'b']), a: [2, 2, 2], b: [], c: null },
    after: expect.not.arrayContaining(['b']),
    others: [],
    refused: expect.stringMatching(/^browserStore: the name is "\.x"; use letters/),
  })
  expect(await page.evaluate(() => globalThis.wgradStore.inWorker())).toContain('a.bin')
  expect(await page.evaluate(() => globalThis.wgradStore.inWorker())).toContain('from-worker')
  await page.close()
})

test('a page that is closed while it writes leaves a whole file', async () => {
  for (const delay of [0, 40]) {
    const page = await open()
    await page.evaluate(() => globalThis.wgradStore.writeForEver(8))
    await new Promise((resolve) => setTimeout(resolve, delay))
    await page.close()
    const after = await open()
    const { megabytes, values } = await after.evaluate(() => globalThis.wgradStore.look())
    expect({ megabytes, values: values.length }).toEqual({ megabytes: 8, values: 1 })
    await after.close()
  }
})

test('a storage that is full keeps what was there and says so', async () => {
  // A site of its own, as the browser remembers for a while how much room another one has.
  const url = server.url.replace('127.0.0.1', 'localhost')
  const { page } = await openPage(browser, `${url}/blank`)
  const session = await page.createCDPSession()
  await session.send('Storage.overrideQuotaForOrigin', { origin: url, quotaSize: 4 * 2 ** 20 })
  await page.evaluate(load)
  expect(await page.evaluate(() => globalThis.wgradStore.write(1))).toBe('written')
  expect(await page.evaluate(() => globalThis.wgradStore.write(32))).toMatch(
    /^browserStore: wgrad\.test cannot be used \(QuotaExceededError.*\); what was there before is whole$/,
  )
  expect(await page.evaluate(() => globalThis.wgradStore.look())).toEqual({ megabytes: 1, values: [7] })
  await page.close()
})

test('outside a browser there is none', async () => {
  await expect(browserStore().list()).rejects.toThrow(
    'browserStore: there is no IndexedDB here; use it in a page or a worker, and folderStore in Node',
  )
})
