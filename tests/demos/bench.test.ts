import type { Page } from 'puppeteer'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Report } from '../../bench/run/results.ts'
import { serveDemos } from './serve.ts'

const served = serveDemos()
let page: Page
/** What the page complained of. */
let errors: string[]

beforeEach(async () => {
  page = await served().browser.newPage()
  errors = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
})

afterEach(() => page.close())

/** Runs in the page: keeps the text of the file that it offers. */
function keepDownload(): void {
  const { createObjectURL } = URL
  URL.createObjectURL = (blob) => {
    void (blob as Blob).text().then((text) => document.body.setAttribute('data-offered', text))
    return createObjectURL(blob)
  }
}

async function open(query: string): Promise<void> {
  await page.evaluateOnNewDocument(keepDownload)
  await page.setViewport({ width: 390, height: 800 })
  await page.goto(served().site.page('bench') + query)
  await until(/^Ready/)
}

async function until(pattern: RegExp, seconds = 120): Promise<void> {
  await page.waitForFunction(
    (source) => {
      const notice = document.getElementById('notice')
      if (notice?.hidden === false) throw new Error(notice.innerText)
      return new RegExp(source).test(document.getElementById('status')?.innerText ?? '')
    },
    { timeout: 1000 * seconds, polling: 50 },
    pattern.source,
  )
}

test('the page measures, shows what it measured and offers it as a file', async () => {
  await open('?suites=gemm&only=1x1024x1024&peers=')
  expect(await page.$eval('#adapter', (e) => e.textContent)).toMatch(/swiftshader: a software adapter/i)
  await page.click('#start')
  await until(/^Done/)

  const cells = await page.$$eval('#tables tbody td', (all) => all.map((cell) => cell.textContent ?? ''))
  expect(cells.slice(0, 2)).toEqual(['1x1024x1024', 'wgrad'])
  expect(cells[2]).toMatch(/^[\d.]+ (us|ms|s)$/)
  expect(await page.$$eval('#charts canvas', (all) => all.length)).toBeGreaterThan(0)
  expect(await page.$eval('#heading', (e) => e.textContent)).toMatch(/^HeadlessChrome.*\nwgrad \d.*quick\nroof: /)
  // Nothing is wider than a phone; tables scroll by themselves.
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)

  await page.click('#save')
  await page.waitForSelector('[data-offered]')
  const report = JSON.parse((await page.$eval('body', (e) => e.getAttribute('data-offered'))) ?? '') as Report
  expect(report).toMatchObject({ schema: 'wgrad-bench/2', software: true, quick: true, interrupted: false })
  expect(report.workloads[0]?.rows[0]).toMatchObject({ contestant: 'wgrad', outcome: 'timed', message: '' })
  expect(report.roof?.gflops).toBeGreaterThan(0)

  expect(errors).toEqual([])
})

test('a run can be stopped, and another started', async () => {
  await open('?suites=gemm&only=256&pace=thorough')
  await page.click('#start')
  await until(/wgrad: round (3|[4-9]|1\d)/)
  await page.click('#start')
  // It waits for nothing that has been ended, such as a look at the roof, which may take half a minute.
  await until(/^Stopped/, 20)
  const cells = await page.$$eval('#tables tbody td', (all) => all.map((cell) => cell.textContent ?? ''))
  expect(cells[1]).toBe('wgrad')
  expect(cells[2]).toMatch(/^[\d.]+ (us|ms|s)$/)
  await page.click('#start')
  await until(/^1 of/)
  expect(errors).toEqual([])
})
