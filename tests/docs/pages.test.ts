import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'puppeteer'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compactWgsl } from '../../scripts/compact-wgsl.ts'
import { launchBrowser, openPage } from '../../scripts/support/browser.ts'
import { serveStatic } from '../package/static-server.ts'
import { readGuide, sourceOf } from './guide.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const entries = ['nn', 'optim', 'data', 'io', 'train'].map((name) => `wgrad/${name}`)
const pages = { worker: 'main.ts', react: 'main.tsx' }

let folder: string
let server: Awaited<ReturnType<typeof serveStatic>>
let browser: Browser

/** The files of the guides on workers and React, built into a site with a page for each. */
async function buildSite(): Promise<string> {
  for (const { file, code } of [...readGuide('worker'), ...readGuide('react')]) {
    if (file !== null) writeFileSync(join(folder, file), code)
  }
  for (const [page, script] of Object.entries(pages)) {
    const html = `<!doctype html><html lang="en"><title>${page}</title><script type="module" src="./${script}"></script>`
    writeFileSync(join(folder, `${page}.html`), html)
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { jsx: 'react-jsx' } }))
  const outDir = join(folder, 'site')
  await build({
    root: folder,
    configFile: false,
    logLevel: 'error',
    plugins: [compactWgsl()],
    worker: { format: 'es', plugins: () => [compactWgsl()] },
    resolve: {
      alias: [
        ...entries.map((entry) => ({ find: entry, replacement: join(root, sourceOf(entry)) })),
        { find: /^wgrad$/, replacement: join(root, sourceOf('wgrad')) },
      ],
    },
    build: {
      outDir,
      target: 'es2022',
      minify: false,
      rollupOptions: { input: Object.keys(pages).map((page) => join(folder, `${page}.html`)) },
    },
  })
  return outDir
}

beforeAll(async () => {
  mkdirSync(join(root, 'out'), { recursive: true })
  folder = mkdtempSync(join(root, 'out/pages-'))
  server = await serveStatic(await buildSite())
  browser = await launchBrowser()
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
  if (folder) rmSync(folder, { recursive: true })
})

test('the page of the guide on workers trains in its worker and gets the weights', async () => {
  const { page, errors } = await openPage(browser, `${server.url}worker.html`)
  await page.waitForFunction("document.body.textContent.includes('accuracy')", { timeout: 60_000 })
  const text = (await page.evaluate('document.body.textContent')) as string
  const [, accuracy, bytes] = /^accuracy ([\d.]+), (\d+) bytes of weights$/.exec(text) ?? []
  expect(Number(accuracy)).toBeGreaterThan(0.3)
  expect(Number(bytes)).toBeGreaterThan(4 * (784 * 32 + 32 + 32 * 10 + 10))
  expect(await page.evaluate('document.body.dataset.step')).toBe('24')
  expect(errors).toEqual([])
})

test('the component of the guide on React trains when its button is clicked', async () => {
  const { page, errors } = await openPage(browser, `${server.url}react.html`)
  await page.waitForSelector('button')
  expect(await page.$eval('output', (output) => output.textContent)).toBe('idle')
  await page.click('button')
  await page.waitForFunction("document.querySelector('output').textContent.startsWith('accuracy')", { timeout: 60_000 })
  expect(await page.$eval('p', (p) => p.textContent)).toMatch(/^16 steps, loss \d\.\d{3}$/)
  expect(errors).toEqual([])
})
