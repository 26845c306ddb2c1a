import type { Browser } from 'puppeteer'
import { afterAll, beforeAll } from 'vitest'
import { type LaunchOptions, launchBrowser } from '../../scripts/support/browser.ts'
import { openSite, type Site } from './site.ts'

/** The demos, and a browser to see them with. */
export interface Served {
  readonly site: Site
  readonly browser: Browser
}

/** Serves the demos while the tests of a file run; `mnist` is a folder to serve beside them. Throws when asked outside of a test. */
export function serveDemos({
  mnist = null,
  ...options
}: { readonly mnist?: string | null } & LaunchOptions = {}): () => Served {
  let served: Served | null = null
  beforeAll(async () => {
    served = { site: await openSite(mnist), browser: await launchBrowser(options) }
  })
  afterAll(async () => {
    await served?.browser.close()
    await served?.site.close()
  })
  return () => {
    if (!served) throw new Error('the demos are not served yet')
    return served
  }
}
