import type { Browser } from 'puppeteer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, openPage } from '../../scripts/support/browser.ts'
import { type PageServer, servePages } from '../../scripts/support/pages.ts'
import type {} from './tuner-in-page.ts'

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

test('a page measures once; after a reload it remembers, as do its workers', async () => {
  const load = "import('/tests/engine/tuner-in-page.ts')"
  const { page, errors } = await openPage(browser, `${server.url}/blank`)
  await page.evaluate(load)
  const found = { taken: 'sound', remembered: false, struck: ['allWrong', 'broken'], notes: [] }
  expect(await page.evaluate(() => globalThis.wgradTuner.tune())).toEqual(found)
  await page.reload()
  await page.evaluate(load)
  const remembered = { ...found, remembered: true }
  expect(await page.evaluate(() => globalThis.wgradTuner.tune())).toEqual(remembered)
  expect(await page.evaluate(() => globalThis.wgradTuner.inWorker())).toEqual(remembered)
  expect(await page.evaluate(() => globalThis.wgradTuner.tune(true))).toEqual(found)
  expect(errors).toEqual([])
})
