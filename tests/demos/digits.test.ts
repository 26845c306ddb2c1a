import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'puppeteer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { drawDigits } from '../../src/data/glyphs.ts'
import { openSafetensors, writeSafetensors } from '../../src/io/index.ts'
import { DigitsPage } from './digits-page.ts'
import { serveDemos } from './serve.ts'

/** A folder with MNIST's files, where the machine has one. */
const mnist = ['', 'mnist']
  .map((name) => join(process.env.WGRAD_DATA ?? '/nowhere', name))
  .find((folder) => existsSync(join(folder, 't10k-images-idx3-ubyte.gz')))

/** Quick to train on a software adapter. */
const quick = '?digits=drawn&network=mlp&learningRate=0.005&batchSize=32'

const served = serveDemos({ mnist: mnist ?? null })

/** Opens the page in a context of its own. */
function open(query: string, before?: (page: Page) => Promise<unknown>): Promise<DigitsPage> {
  const { site, browser } = served()
  return DigitsPage.open(browser, site.page('digits') + query, before)
}

describe('the page of digits', () => {
  let page: DigitsPage

  beforeAll(async () => {
    page = await open(`${quick}&epochs=2&mnist=../silent/`)
    await page.until(/^Ready/)
  })

  afterAll(async () => {
    await page?.page.browserContext().close()
  })

  test('says which adapter it has, and that it is software', async () => {
    expect(await page.text('adapter')).toMatch(/swiftshader: a software adapter\. The CPU does the GPU's work/i)
  })

  test('trains to 95 % while its main thread stays free', async () => {
    const tasks = await page.trainTraced(30, /^Done at step 312/)
    // Enough of them to have been there while it trained: at least one for each frame that drew something.
    expect(tasks.length).toBeGreaterThan(50)
    // Most tasks are tiny, so that a share of all of them says little; no single one may be long.
    expect(tasks.at(-1)).toBeLessThan(50)
    expect(await page.accuracy()).toBeGreaterThanOrEqual(95)
    expect(page.errors).toEqual([])
  })

  test('shows the curves in words too', async () => {
    const label = (id: string): Promise<string | null> => page.page.$eval(`#${id}`, (chart) => chart.ariaLabel)
    const [, from, to] = /^Loss by step: from ([\d.]+) to ([\d.]+)$/.exec((await label('loss-chart')) ?? '') ?? []
    expect(Number(from)).toBeGreaterThan(1)
    expect(Number(to)).toBeLessThan(0.5)
    expect(await label('accuracy-chart')).toMatch(/^Test accuracy by step: from \d.* to 9\d/)
  })

  test('marks what it read wrongly', async () => {
    const shown = (): Promise<{ label: string; isMarked: boolean }[]> =>
      page.page.$$eval('#samples li:not([hidden]) button', (buttons) =>
        buttons.map((button) => ({ label: button.ariaLabel ?? '', isMarked: button.classList.contains('is-wrong') })),
      )
    const { labels } = drawDigits(6000, { seed: 1 })
    const read = (await shown()).map(({ label, isMarked }) => {
      const [, at, truth, digit] = /^Test digit (\d+), a (\d): read as (\d), \d+ % sure$/.exec(label) ?? []
      expect(Number(truth)).toBe(labels.data[5000 + Number(at) - 1])
      expect(isMarked).toBe(truth !== digit)
      return truth === digit
    })
    expect(read).toHaveLength(60)
    expect(read.filter(Boolean).length).toBeGreaterThan(50)

    const wrong = Math.round(10 * (100 - (await page.accuracy())))
    expect(await page.text('samples-note')).toContain(`Of 1,000, ${wrong} are read wrongly`)
    await page.page.click('input[value="wrong"]')
    await page.page.waitForFunction(
      () => document.querySelectorAll('#samples li:not([hidden]) button:not(.is-wrong)').length === 0,
    )
    expect(await shown()).toHaveLength(Math.min(60, wrong))
    await page.page.click('input[value="first"]')
  })

  test('reads what one draws, and a test digit that one picks', async () => {
    const answered = async (digit: number): Promise<void> => {
      await page.page.waitForFunction(
        (wanted) => document.querySelector('#answer strong')?.textContent === String(wanted),
        {},
        digit,
      )
      const bars = await page.page.$$eval('#bars li', (rows) =>
        rows.map((row) => Number.parseInt(row.ariaLabel?.slice(2) ?? '', 10)),
      )
      expect(bars.indexOf(Math.max(...bars))).toBe(digit)
      expect(Math.abs(bars.reduce((sum, share) => sum + share, 0) - 100)).toBeLessThan(6)
    }
    await page.draw([
      [
        [0.3, 0.2],
        [0.7, 0.2],
        [0.5, 0.85],
      ],
    ])
    await answered(7)
    await page.press('clear')
    expect(await page.text('answer')).toBe('nothing yet')
    await page.draw([
      [
        [0.52, 0.15],
        [0.5, 0.85],
      ],
    ])
    await answered(1)
    const read = await page.page.$eval('#samples li:nth-child(2) button', (button) => {
      button.click()
      return Number(/read as (\d)/.exec(button.ariaLabel ?? '')?.[1])
    })
    await answered(read)
    expect(page.errors).toEqual([])
  })

  test('fits phones and desktops, light and dark', async () => {
    expect(await page.shots('digits')).toEqual([])
  })

  test('saves weights that other programs can read, and loads them', async () => {
    const accuracy = await page.text('accuracy')
    const { name, bytes } = await page.save()
    expect(name).toBe('digits-mlp.safetensors')
    const file = await openSafetensors(new Uint8Array(bytes))
    expect(Object.fromEntries(file.names.map((key) => [key, file.info(key).shape]))).toEqual({
      '1.weight': [128, 784],
      '1.bias': [128],
      '3.weight': [10, 128],
      '3.bias': [10],
    })
    await page.page.select('select[name="network"]', 'cnn')
    await page.give('file', name, bytes)
    await page.until(/is loaded$/)
    expect(await page.page.$eval('select[name="network"]', (select) => (select as HTMLSelectElement).value)).toBe('mlp')
    expect(await page.text('accuracy')).toBe(accuracy)
    expect(await page.step()).toBe(0)
    const again = await page.save()
    expect(again.bytes.equals(bytes)).toBe(true)
    // They are kept from then on.
    await page.page.reload()
    await page.until(/^Paused at step 0/)
    expect((await page.save()).bytes.equals(bytes)).toBe(true)

    // What does not fit is refused, and changes nothing.
    const other = writeSafetensors({ w: { shape: [1], data: [1] } }, { metadata: { network: 'mlp' } })
    await page.give('file', 'other.safetensors', other)
    await page.noticed('missing 1.weight [128, 784]')
    expect(await page.text('status')).toBe('Paused at step 0')
    expect((await page.save()).bytes.equals(bytes)).toBe(true)
    expect(page.errors).toEqual([])
  })

  test('goes back to the training at hand where another is cancelled before it began', async () => {
    const { bytes } = await page.save()
    await page.page.select('select[name="digits"]', 'mnist')
    await page.pressUntil('anew', /^Fetching MNIST/)
    await page.press('primary')
    await page.until(/^Paused at step 0/)
    expect(await page.text('settings-note')).toContain('the training at hand has others')
    expect((await page.save()).bytes.equals(bytes)).toBe(true)
    expect(page.errors).toEqual([])
  })
})

test('pauses, reloads and goes on with the same bits', async () => {
  const page = await open(`${quick}&epochs=1`)
  await page.until(/^Ready/)
  await page.press('primary')
  await page.until(/^Done at step 156/)
  const whole = await page.save()

  await page.pressUntil('anew', /^Training/)
  await page.untilStep(20)
  await page.press('primary')
  const paused = await page.until(/^Paused at step \d+/)
  expect(await page.page.evaluate(() => document.activeElement?.id)).toBe('primary')
  const at = Number(/\d+/.exec(paused)?.[0])
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(await page.text('status')).toBe(paused)
  expect(await page.step()).toBe(at)
  const { bytes } = await page.save()

  // Paused it comes back paused, where it was.
  await page.page.reload()
  expect(await page.until(/^(Paused|Training)/)).toBe(paused)
  expect(await page.step()).toBe(at)
  expect((await page.save()).bytes.equals(bytes)).toBe(true)

  // Training it comes back training, from the checkpoint before.
  await page.press('primary')
  await page.untilStep(Math.min(at + 30, 150))
  await page.page.reload()
  await page.until(/^(Training|Done)/)
  expect(await page.step()).toBeGreaterThanOrEqual(at)
  await page.until(/^Done at step 156/)
  expect((await page.save()).bytes.equals(whole.bytes)).toBe(true)
  expect(bytes.equals(whole.bytes)).toBe(false)

  // Starting anew forgets it, also in the middle of a training.
  for (let time = 0; time < 2; time++) {
    await page.pressUntil('anew', /^Training/)
    expect(await page.step()).toBeLessThan(156)
    await page.untilStep(1)
  }
  expect(await page.page.$eval('#notice', (notice) => (notice as HTMLElement).hidden)).toBe(true)
  await page.press('primary')
  await page.until(/^Paused/)

  // A second tab does not meddle with it.
  const second = await page.page.browserContext().newPage()
  await second.goto(`${served().site.page('digits')}${quick}`)
  await second.waitForFunction(() => document.getElementById('status')?.innerText === 'Ready')
  expect(await second.$eval('#settings-note', (note) => (note as HTMLElement).innerText)).toContain('Another tab')
  expect(page.errors).toEqual([])
  await page.page.browserContext().close()
})

test('the list of demos leads to it', async () => {
  const { site, browser } = served()
  const page = await DigitsPage.open(browser, site.index)
  await Promise.all([page.page.waitForNavigation(), page.page.click('main a')])
  expect(page.page.url()).toBe(site.page('digits'))
  await page.until(/^Ready/)
  expect(page.errors).toEqual([])
  await page.page.browserContext().close()
})

test('says what to do where there is no WebGPU', async () => {
  const page = await open('', (blank) =>
    blank.evaluateOnNewDocument(() => {
      Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined })
      delete (Navigator.prototype as { gpu?: unknown }).gpu
    }),
  )
  await page.page.waitForSelector('#notice:not([hidden])')
  expect(await page.text('notice')).toMatch(
    /no WebGPU here[\s\S]*Chrome or Edge from version 113, Safari from 26, or Firefox from 141/,
  )
  expect(await page.text('status')).toBe('No WebGPU')
  await page.press('primary')
  expect(await page.text('notice')).toMatch(/no WebGPU here/)
  expect(page.errors).toEqual([])
  await page.page.browserContext().close()
})

test('goes on after the GPU was lost', async () => {
  const page = await open(`${quick}&epochs=1`)
  await page.until(/^Ready/)
  await page.press('primary')
  await page.untilStep(60)
  const [worker] = page.page.workers()
  await worker?.evaluate(() => {
    const { createCommandEncoder } = GPUDevice.prototype
    GPUDevice.prototype.createCommandEncoder = function (this: GPUDevice, ...given) {
      this.destroy()
      return createCommandEncoder.apply(this, given)
    }
  })
  await page.page.waitForSelector('#notice:not([hidden])', { timeout: 60_000 })
  expect(await page.text('notice')).toMatch(/The browser lost the GPU[\s\S]*The training is kept\./)
  // Both buttons are ways on.
  await page.press('primary')
  await page.until(/^Done at step 156/)
  expect(page.errors).toEqual([])
  await page.page.browserContext().close()
})

test('draws its own digits where MNIST cannot be fetched, and says so', async () => {
  const page = await open('?network=mlp&epochs=1&mnist=/nowhere/')
  await page.until(/^Ready/)
  await page.press('primary')
  await page.until(/^Training/)
  expect(await page.text('source')).toMatch(
    /^In use: MNIST could not be fetched, so the page draws its own 6,000 digits/,
  )
  // It is no training on MNIST, and goes on with the digits that it has.
  await page.press('primary')
  await page.until(/^(Paused|Done)/)
  await page.page.reload()
  await page.until(/^(Paused|Done)/)
  expect(await page.text('source')).toBe('In use: 6,000 digits drawn by this page')
  expect(await page.page.$eval('select[name="digits"]', (select) => (select as HTMLSelectElement).value)).toBe('drawn')
  await page.page.browserContext().close()
})

// Real digits are no part of the repository: where there are some, they are trained on too.
if (mnist)
  test('trains on MNIST', async () => {
    const page = await open('?network=cnn&epochs=1&batchSize=32&mnist=../mnist/')
    await page.until(/^Ready/)
    await page.press('primary')
    await page.until(/^Done/, 280)
    expect(await page.text('source')).toBe('In use: MNIST, 8,000 digits to train on')
    expect(await page.accuracy()).toBeGreaterThanOrEqual(95)
    expect(page.errors).toEqual([])
    await page.page.browserContext().close()
  })
