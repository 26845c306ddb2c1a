import { createHash } from 'node:crypto'
import type { Browser, Page } from 'puppeteer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, openPage } from '../../scripts/support/browser.ts'
import { type PageServer, servePages } from '../../scripts/support/pages.ts'
import { drawDigits } from '../../src/data/glyphs.ts'
import type {} from './in-page.ts'

let server: PageServer
let browser: Browser
let page: Page

beforeAll(async () => {
  server = await servePages()
  browser = await launchBrowser()
  page = (await openPage(browser, `${server.url}/blank`)).page
  await page.evaluate("import('/tests/data/in-page.ts')")
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
})

test('in a page, files are kept by the Cache API', async () => {
  const sha256 = createHash('sha256').update('digits').digest('hex')
  const seen = await page.evaluate((hash) => globalThis.wgradData.fetchTwice(hash, 'digits'), sha256)
  expect(seen).toEqual({
    texts: ['digits', 'digits'],
    refused: expect.stringMatching(
      /^fetchCached: blob:.* sent more than the 5 bytes expected; the file there is another one$/,
    ),
    kept: 1,
  })
})

test('in a page, gzipped IDX files are read and digits are drawn as in Node', async () => {
  const seen = await page.evaluate(() => globalThis.wgradData.read())
  expect(seen).toEqual({ shape: [2], data: [5, 6], labels: Array.from(drawDigits(20, { seed: 3 }).labels.data) })
})
