import { launchBrowser } from '../support/browser.ts'
import { servePages } from '../support/pages.ts'
import type { DigitsText } from './page.ts'
import type { AdapterReport, Digits } from './result.ts'
import type { Route } from './route.ts'

/** A headless Chrome with a page in which a device is open. The page loads the training code from a page server. */
export async function chromeRoute(options: { hardware: boolean }): Promise<Route> {
  const server = await servePages()
  const browser = await launchBrowser(options).catch(async (error: unknown) => {
    await server.close()
    throw error
  })
  const close = async (): Promise<void> => {
    await browser.close()
    await server.close()
  }
  try {
    const page = await browser.newPage()
    const failed = new Promise<never>((_, reject) => {
      page.on('pageerror', reject)
      page.on('close', () => reject(new Error('start: the page was closed before the training ended')))
    })
    failed.catch(() => undefined)
    await page.goto(`${server.url}/blank`)
    // As text: a function would be compiled for Node, where imports are written otherwise.
    const opening = page.evaluate("import('/scripts/start/page.ts').then(() => start.openInPage())")
    const adapter = (await Promise.race([opening, failed])) as AdapterReport
    return {
      software: adapter.software,
      close,
      async train(digits, trainOptions, onEvent) {
        await page.exposeFunction('onTrainEvent', onEvent)
        const training = page.evaluate(
          (text, asked) => globalThis.start.trainInPage(text, asked),
          asText(digits),
          trainOptions,
        )
        return Promise.race([training, failed])
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Only JSON reaches a page. */
function asText(digits: Digits): DigitsText {
  return { ...digits, images: base64(digits.images), labels: base64(digits.labels) }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
