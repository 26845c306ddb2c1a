import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Browser, launch, type Page } from 'puppeteer'
import { chromiumPackage } from '../../src/node/chromium-package.ts'
import { fontsFile } from './fonts.ts'

/** A Chrome or Chromium that can be started. */
export interface FoundBrowser {
  path: string
  /** Where it was found, for messages. */
  source: string
  /** Variables that it needs to start. */
  env: Record<string, string>
}

/** Options of {@link launchBrowser}. */
export interface LaunchOptions {
  /** Take a real GPU; otherwise the page gets SwiftShader, the same on every machine. Default false. */
  hardware?: boolean
  /** Timestamp queries in full resolution. Default false: quantised, as in users' browsers. */
  exactTimestamps?: boolean
  /** Leave Ctrl-C to the program: the browser goes on until it is closed. Default false: it ends at once. */
  survivesInterrupt?: boolean
  flags?: readonly string[]
}

const systemPaths = [
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/opt/google/chrome/chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

/** Where puppeteer keeps the browsers that it downloaded. */
function cacheFolder(): string {
  return process.env.PUPPETEER_CACHE_DIR ?? join(homedir(), '.cache', 'puppeteer')
}

/** Executables in puppeteer's cache, newest first. */
function cachedPaths(): string[] {
  const inside = [
    'chrome-linux64/chrome',
    'chrome-headless-shell-linux64/chrome-headless-shell',
    'chrome-win64/chrome.exe',
  ]
  const mac = 'Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing'
  inside.push(`chrome-mac-arm64/${mac}`, `chrome-mac-x64/${mac}`)
  return ['chrome', 'chrome-headless-shell'].flatMap((kind) => {
    const folder = join(cacheFolder(), kind)
    if (!existsSync(folder)) return []
    const versions = readdirSync(folder).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    return versions.flatMap((version) => inside.map((file) => join(folder, version, file)))
  })
}

/** Variables that name an executable, the first that is set wins. */
const variables = ['WGRAD_BROWSER', 'PUPPETEER_EXECUTABLE_PATH']

/**
 * Finds a browser: the one named by `WGRAD_BROWSER` or `PUPPETEER_EXECUTABLE_PATH`, puppeteer's cache, an installed
 * Chrome or Chromium, or the npm package `@sparticuz/chromium`. Null where there is none.
 */
export async function findBrowser(): Promise<FoundBrowser | null> {
  const variable = variables.find((name) => process.env[name])
  if (variable) {
    const path = process.env[variable]!
    if (!existsSync(path)) throw new Error(`${variable} is ${path}, and there is no such file`)
    return { path, source: variable, env: {} }
  }
  const cached = cachedPaths().find((path) => existsSync(path))
  if (cached) return { path: cached, source: "puppeteer's cache", env: {} }
  const installed = systemPaths.find((path) => existsSync(path))
  if (installed) return { path: installed, source: 'installed', env: {} }
  const folder = await chromiumPackage('browser')
  if (!folder) return null
  const libraries = [join(folder, 'lib'), folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':')
  return {
    path: join(folder, 'chromium'),
    source: '@sparticuz/chromium',
    env: { LD_LIBRARY_PATH: libraries, FONTCONFIG_FILE: fontsFile(folder) },
  }
}

/** Starts a headless browser with WebGPU; throws where no browser is found. The caller closes it. */
export async function launchBrowser(options: LaunchOptions = {}): Promise<Browser> {
  const found = await findBrowser()
  if (!found) {
    throw new Error(
      `no browser found: ${variables.join(' and ')} are not set, ${cacheFolder()} has none, none of ` +
        `${systemPaths.join(', ')} exists, and the npm package @sparticuz/chromium has none for ${process.platform} ` +
        `${process.arch}; run npx puppeteer browsers install chrome, or set ${variables[0]} to an executable`,
    )
  }
  return launch({
    executablePath: found.path,
    headless: /headless-shell|sparticuz/.test(`${found.path} ${found.source}`) ? 'shell' : true,
    env: { ...process.env, ...found.env },
    protocolTimeout: 1_800_000,
    handleSIGINT: !options.survivesInterrupt,
    args: [
      '--no-sandbox',
      '--disable-dev-shm-usage',
      '--enable-unsafe-webgpu',
      // Where the machine has no language, the browser's is none that Intl knows.
      '--accept-lang=en-US',
      ...(options.hardware
        ? ['--ignore-gpu-blocklist', '--enable-features=Vulkan', '--use-angle=vulkan', '--disable-vulkan-surface']
        : ['--use-webgpu-adapter=swiftshader', '--enable-unsafe-swiftshader']),
      ...(options.exactTimestamps ? ['--disable-dawn-features=timestamp_quantization'] : []),
      ...(options.flags ?? []),
    ],
  })
}

/** Opens `url` and answers with the page and the list into which its errors are written as they happen. */
export async function openPage(browser: Browser, url: string): Promise<{ page: Page; errors: string[] }> {
  const page = await browser.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  await page.goto(url, { waitUntil: 'load' })
  return { page, errors }
}
