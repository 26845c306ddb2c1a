import { beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser, openPage } from '../../scripts/support/browser.ts'
import { servePages } from '../../scripts/support/pages.ts'
import { checks } from '../ops/all.ts'
import type { PageRun } from './in-page.ts'

interface ChromeRun extends PageRun {
  isIsolated: unknown
  errors: string[]
}

async function runInChrome(): Promise<ChromeRun> {
  const server = await servePages()
  const browser = await launchBrowser()
  try {
    const { page, errors } = await openPage(browser, `${server.url}/blank`)
    let last = 'none'
    await page.exposeFunction('report', (name: string) => {
      last = name
    })
    const script = "import('/tests/environments/in-page.ts').then((page) => page.runInPage())"
    const run = (await page.evaluate(script).catch((error: Error) => {
      throw new Error(`the page stopped after the check ${last}: ${error.message}; ${errors.join('\n')}`)
    })) as PageRun
    return { ...run, isIsolated: await page.evaluate('crossOriginIsolated'), errors }
  } finally {
    await browser.close()
    await server.close()
  }
}

describe('in headless Chrome', () => {
  let run: ChromeRun

  beforeAll(async () => {
    run = await runInChrome()
  })

  test.each([...checks.map(({ op }) => op), 'guard zones'])('%s', (op) => {
    const result = run.results.find(({ name }) => name === op)
    expect(result, 'this check did not run').toBeDefined()
    expect(result?.message ?? '').toBe('')
  })

  test('the page is cross-origin isolated and logs no error', () => {
    expect(run.isIsolated).toBe(true)
    expect(run.errors).toEqual([])
  })
})
