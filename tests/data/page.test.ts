import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'puppeteer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, openPage } from '../../scripts/support/browser.ts'
import { type PageServer, servePages } from '../../scripts/support/pages.ts'
import { drawDigits } from '../../src/data/glyphs.ts'
import type {} from './images-in-page.ts'
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

test.each([true, false])(
  'in a page, files of other origins are read, in parts where it may see the size: %s',
  async (seen) => {
    const file = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251)
    const methods: string[] = []
    const other = createServer(({ method = '', headers }, response) => {
      methods.push(method)
      const [, from, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
      const part = from === undefined ? file : file.subarray(Number(from), Number(last) + 1)
      if (from !== undefined) {
        const end = Number(from) + part.length - 1
        response.writeHead(206, {
          'Access-Control-Allow-Origin': '*',
          ...(seen && { 'Access-Control-Expose-Headers': 'Content-Range' }),
          'Content-Range': `bytes ${from}-${end}/${file.length}`,
        })
      } else response.writeHead(200, { 'Access-Control-Allow-Origin': '*' })
      response.end(part)
    })
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    try {
      const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}/w.safetensors`
      const read = await page.evaluate((address) => globalThis.wgradData.readPart(address), url)
      const bytes = [10, 11, 80_000 % 251, 80_001 % 251]
      expect(read).toEqual({ inParts: seen, size: file.length, bytes })
      // No leave had to be asked for first.
      expect(methods).toEqual(['GET', 'GET'])
    } finally {
      other.closeAllConnections()
      other.close()
    }
  },
)

test('in a page, everything that can be drawn becomes a tensor, and a tensor can be drawn', async () => {
  await page.evaluate("import('/tests/data/images-in-page.ts')")
  const { again, frame, tooEarly, ...kinds } = await page.evaluate(() => globalThis.wgradImages())
  const row = [255, 0, 0, 0, 255, 0, 0, 0, 255, 51, 51, 51]
  expect(Object.keys(kinds)).toEqual(['offscreen', 'element', 'bitmap', 'data', 'image'])
  for (const [name, kind] of Object.entries(kinds)) {
    const { shape, bytes } = kind as { shape: number[]; bytes: number[] }
    expect(shape, name).toEqual([1, 2, 4, 3])
    // Half alpha is 128 of 255 bytes, and a canvas keeps colours multiplied by it.
    for (const [i, value] of [...row, ...row].entries()) expect(Math.abs((bytes[i] ?? 0) - value), name).toBeLessThan(2)
  }
  const [shape, colour] = frame as [number[], number[]]
  expect(shape).toEqual([1, 8, 16, 3])
  for (const [i, value] of [200, 50, 100].entries()) expect(Math.abs((colour[i] ?? 0) - value)).toBeLessThan(5)
  const [isImageData, width, height, data] = again as [boolean, number, number, number[]]
  expect([isImageData, width, height]).toEqual([true, 4, 1])
  expect(data.slice(0, 12)).toEqual([255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255])
  expect(data[15]).toBe(128)
  expect(tooEarly).toBe('imageToTensor: the HTMLVideoElement is 0 x 0 pixels; wait until it is loaded')
})
