import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, ElementHandle, Page } from 'puppeteer'
import { traceTasks } from './trace.ts'

declare global {
  /** In the page: what it offered as downloads. */
  var offered: { name: string; blob: Blob }[]
  /** In the page: each line that said what goes on. */
  var said: string[]
}

/** Runs in the page: keeps what it says, which may be there for a moment alone. */
function keepLines(): void {
  globalThis.said = []
  document.addEventListener('DOMContentLoaded', () => {
    const status = document.getElementById('status')
    if (!status) return
    const note = (): number => globalThis.said.push(status.textContent ?? '')
    new MutationObserver(note).observe(status, { childList: true })
  })
}

/** Runs in the page: keeps downloads, which not every headless browser writes to a folder. */
function keepDownloads(): void {
  const blobs = new Map<string, Blob>()
  const { createObjectURL } = URL
  globalThis.offered = []
  URL.createObjectURL = (blob) => {
    const url = createObjectURL(blob)
    blobs.set(url, blob as Blob)
    return url
  }
  HTMLAnchorElement.prototype.click = function () {
    const blob = blobs.get(this.href)
    if (blob) globalThis.offered.push({ name: this.download, blob })
  }
}

/** A page that trains, as a person at the browser has it. */
export class TrainingPage {
  readonly page: Page
  /** What the console and the page complained of. */
  readonly errors: string[] = []

  constructor(page: Page) {
    this.page = page
    page.on('pageerror', (error) => this.errors.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(message.text())
    })
  }

  /** Opens `url` in a context of its own, which shares no storage with others. */
  static async open<T extends TrainingPage>(
    this: new (
      page: Page,
    ) => T,
    browser: Browser,
    url: string,
    before?: (page: Page) => Promise<unknown>,
  ): Promise<T> {
    const context = await browser.createBrowserContext()
    const page = await context.newPage()
    const opened = new this(page)
    await page.evaluateOnNewDocument(keepDownloads)
    await page.evaluateOnNewDocument(keepLines)
    await page.setViewport({ width: 1280, height: 800 })
    await before?.(page)
    await page.goto(url)
    return opened
  }

  /** The text of the element with this id. */
  async text(id: string): Promise<string> {
    return this.page.$eval(`#${id}`, (found) => (found as HTMLElement).innerText.trim())
  }

  /** Waits until the line that says what goes on matches; fails at once where the page shows a notice instead. */
  async until(pattern: RegExp, seconds = 90): Promise<string> {
    const handle = await this.page.waitForFunction(
      (source) => {
        const status = document.getElementById('status')?.innerText ?? ''
        const notice = document.getElementById('notice')
        return new RegExp(source).test(status) || notice?.hidden === false ? [status, notice?.innerText ?? ''] : null
      },
      { timeout: 1000 * seconds, polling: 50 },
      pattern.source,
    )
    const [status = '', notice = ''] = (await handle.jsonValue()) ?? []
    if (!pattern.test(status)) throw new Error(`the page says: ${notice}`)
    return status
  }

  async press(id: string): Promise<void> {
    await this.page.click(`#${id}`)
  }

  /** Presses one button and, before anything else happens, another. */
  async pressTogether(...ids: readonly string[]): Promise<void> {
    await this.page.evaluate((all) => {
      for (const id of all) document.getElementById(id)?.click()
    }, ids)
  }

  /** Presses a button and waits until the page says a line that matches, after having said others or not. */
  async pressUntil(id: string, pattern: RegExp): Promise<void> {
    const before = await this.page.evaluate(() => globalThis.said.length)
    await this.press(id)
    await this.page.waitForFunction(
      (from, source) => globalThis.said.slice(from).some((line) => new RegExp(source).test(line)),
      { timeout: 90_000, polling: 50 },
      before,
      pattern.source,
    )
  }

  /** Steps taken, as the page shows them. */
  async step(): Promise<number> {
    return Number((await this.text('step')).replace(/\D/g, ''))
  }

  /** Waits until so many steps were taken. */
  async untilStep(step: number, seconds = 90): Promise<void> {
    await this.page.waitForFunction(
      (wanted) => Number(document.getElementById('step')?.innerText.replace(/\D/g, '')) >= wanted,
      { timeout: 1000 * seconds, polling: 20 },
      step,
    )
  }

  /** Trains until the page says a line that matches; answers with the main thread's tasks after step `from`, in milliseconds, ascending. */
  async trainTraced(from: number, done: RegExp, seconds = 90): Promise<number[]> {
    await this.press('primary')
    await this.until(/^Training/, seconds)
    await this.untilStep(from, seconds)
    const end = await traceTasks(this.page)
    await this.until(done, seconds)
    return end()
  }

  /** Chooses files on the machine for the input with this id. */
  async choose(id: string, ...paths: string[]): Promise<void> {
    const input = (await this.page.$(`#${id}`)) as ElementHandle<HTMLInputElement>
    await input.uploadFile(...paths)
  }

  /** Gives the input with this id a file of this name and content. */
  async give(id: string, name: string, content: string | Uint8Array): Promise<void> {
    const path = join(await mkdtemp(join(tmpdir(), 'wgrad-given-')), name)
    await writeFile(path, content)
    await this.choose(id, path)
  }

  /** Waits for a notice that says something. */
  async noticed(wanted: string, seconds = 30): Promise<void> {
    await this.page.waitForFunction(
      (text) => {
        const notice = document.getElementById('notice')
        return notice?.hidden === false && notice.innerText.includes(text)
      },
      { timeout: 1000 * seconds, polling: 50 },
      wanted,
    )
  }

  /** Presses "Save weights" and answers with the file that the page offers. */
  async save(): Promise<{ name: string; bytes: Buffer }> {
    const before = await this.page.evaluate(() => globalThis.offered.length)
    await this.press('save')
    await this.page.waitForFunction((count) => globalThis.offered.length > count, { polling: 20 }, before)
    const { name, text } = await this.page.evaluate(async () => {
      const { name, blob } = globalThis.offered.at(-1) ?? { name: '', blob: new Blob() }
      const bytes = new Uint8Array(await blob.arrayBuffer())
      return { name, text: btoa(bytes.reduce((all, byte) => all + String.fromCharCode(byte), '')) }
    })
    return { name, bytes: Buffer.from(text, 'base64') }
  }

  /**
   * Pauses a training after so many steps, reloads the page, and goes on. Answers with what the page saved while paused, before and after,
   * and with what it said then.
   */
  async reloadPaused(step: number): Promise<{ saved: [Buffer, Buffer]; said: [string, string] }> {
    await this.untilStep(step)
    await this.press('primary')
    const said = await this.until(/^Paused at step \d+/)
    const { bytes } = await this.save()
    await this.page.reload()
    const saidAfter = await this.until(/^(Paused|Training)/)
    const after = await this.save()
    await this.press('primary')
    return { saved: [bytes, after.bytes], said: [said, saidAfter] }
  }

  /**
   * Takes pictures on a phone and on a desktop, light and dark, into the folder WGRAD_SCREENSHOTS names or a temporary one. Answers with
   * what is wrong: content wider than the screen, buttons too small for fingers, a picture of nothing.
   */
  async shots(name: string): Promise<string[]> {
    const folder = process.env.WGRAD_SCREENSHOTS ?? (await mkdtemp(join(tmpdir(), 'wgrad-screens-')))
    const wrong: string[] = []
    for (const [width, height] of [
      [390, 844],
      [1280, 800],
    ] as const) {
      for (const scheme of ['light', 'dark']) {
        await this.page.setViewport({ width, height })
        await this.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
        await this.page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve), 100)))
        const shot = `${name}-${width}x${height}-${scheme}.png` as const
        const image = await this.page.screenshot({ path: join(folder, shot) as `${string}.png`, fullPage: true })
        if (image.length < 20_000) wrong.push(`${shot} has ${image.length} bytes`)
        const wide = await this.page.evaluate(() => document.documentElement.scrollWidth)
        if (wide !== width) wrong.push(`${shot} is ${wide} wide`)
        const small = await this.page.$$eval('button:not(li button), select', (all) =>
          all
            .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 40)
            .map((each) => each.id || each.outerHTML),
        )
        if (small.length > 0) wrong.push(`${shot} has small controls: ${small.join(', ')}`)
      }
    }
    return wrong
  }
}
