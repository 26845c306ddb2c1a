import { expect, test } from 'vitest'
import { launchBrowser, openPage } from '../support/browser.ts'
import { servePages } from '../support/pages.ts'
import type { CheckResult } from './checks.ts'
import { failures } from './failures.ts'

test('every op check passes in headless Chrome', async () => {
  const server = await servePages()
  const browser = await launchBrowser()
  try {
    const { page, errors } = await openPage(browser, `${server.url}/blank`)
    expect(await page.evaluate('crossOriginIsolated')).toBe(true)
    let last = 'none'
    await page.exposeFunction('report', (name: string) => {
      last = name
    })
    const script = "import('/tests/environments/in-page.ts').then((page) => page.runInPage())"
    const results = (await page.evaluate(script).catch((error: Error) => {
      throw new Error(`the page stopped after the check ${last}: ${error.message}`)
    })) as CheckResult[]
    expect(failures(results)).toBe('')
    expect(results.length).toBeGreaterThan(0)
    expect(errors).toEqual([])
  } finally {
    await browser.close()
    await server.close()
  }
})
