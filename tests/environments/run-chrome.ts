import { launchBrowser, openPage } from '../../scripts/support/browser.ts'
import { servePages } from '../../scripts/support/pages.ts'
import type { PageRun } from './in-page.ts'

/** What a run of all op checks in Chrome answers. */
export interface ChromeRun extends PageRun {
  isIsolated: unknown
  errors: string[]
}

/** Runs every op check in a page of headless Chrome. */
export async function runInChrome(): Promise<ChromeRun> {
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
