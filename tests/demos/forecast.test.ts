import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSafetensors } from '../../src/io/index.ts'
import { serveDemos } from './serve.ts'
import { TrainingPage } from './training-page.ts'

/** Quick to train on a software adapter: 18 steps an epoch. */
const quick = '?cell=gru&hidden=8&window=10&horizon=3&learningRate=0.01&epochs=2'

declare global {
  /** In the page's worker: how the browser stores a file. */
  var put: IDBObjectStore['put']
}

const served = serveDemos()

function open(settings = quick): Promise<TrainingPage> {
  const { site, browser } = served()
  return TrainingPage.open(browser, `${site.page('forecast')}${settings}`)
}

/** Makes the page's storage full, as a disk may be: for everything, for all but the record of a training, or for those from the next pause on. */
async function fill(page: TrainingPage, full: 'all' | 'files' | 'files when paused'): Promise<void> {
  const [worker] = page.page.workers()
  await worker?.evaluate((asked) => {
    let isFull = asked !== 'files when paused'
    addEventListener('message', ({ data }) => {
      isFull ||= data.kind === 'cancel'
    })
    globalThis.put ??= IDBObjectStore.prototype.put
    IDBObjectStore.prototype.put = function (this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
      if (isFull && (asked === 'all' || key !== 'run.json'))
        throw new DOMException('no space left', 'QuotaExceededError')
      return globalThis.put.call(this, value, key)
    }
  }, full)
}

describe('the page of forecasts', () => {
  let page: TrainingPage

  beforeAll(async () => {
    page = await open()
    await page.until(/^Ready/)
  })

  afterAll(async () => {
    await page?.page.browserContext().close()
  })

  test('learns a series while its main thread stays free', async () => {
    const tasks = await page.trainTraced(3, /^Done at step 36/)
    expect(tasks.at(-1)).toBeLessThan(50)
    const label = await page.page.$eval('#forecast-chart', (chart) => chart.ariaLabel)
    // 150 windows of the test, of which the last goes two rows on, and three rows after the end.
    expect(label).toMatch(/^temperature, rows 1309 to 1463: truth and forecast, which ends at [\d.]+$/)
    expect(await page.text('source')).toContain('four years of days that this page made up')
    expect(page.errors).toEqual([])
  })

  test('says how it compares with simple ways', async () => {
    const rivals = await page.page.$$eval('#rivals li', (rows) =>
      rows.map((row) => [row.children[0]?.textContent, Number(row.children[1]?.textContent)]),
    )
    expect(rivals.map(([name]) => name)).toEqual(['the network', 'the last value', 'linear'])
    const [network = 0, , linear = 0] = rivals.map(([, error]) => error as number)
    expect(Number(await page.text('error'))).toBeCloseTo(network, 2)
    expect(await page.text('verdict')).toMatch(network < linear ? /better than the best/ : /^The simple way \(linear\)/)
    expect(await page.text('covered')).toMatch(/on the test it holds \d+ %\.$/)
  })

  test('fits phones and desktops, light and dark', async () => {
    expect(await page.shots('forecast')).toEqual([])
  })

  test('refuses files that cannot be forecast, and forecasts one that can', async () => {
    const { bytes } = await page.save()
    const rows = (count: number, row: (i: number) => string): string =>
      `date,count,level\n${Array.from({ length: count }, (_, i) => row(i)).join('\n')}\n`
    await page.give(
      'csv',
      'rows.csv',
      rows(60, (i) => `day ${i},${i},NA`),
    )
    await page.noticed("the column 'level' has no value in its 60 rows")
    await page.give('csv', 'rows.csv', 'a,b\nx,y\n')
    await page.noticed('no column holds numbers')
    await page.give(
      'csv',
      'rows.csv',
      rows(8, (i) => `day ${i},${i},${i % 5}`),
    )
    await page.page.waitForFunction(() =>
      document.getElementById('source')?.innerText.includes('8 rows of count, level'),
    )
    await page.press('anew')
    await page.noticed('of 8 steps are left to train on')
    // Nothing of that has touched the training at hand, nor what is kept of it.
    expect(await page.text('status')).toBe('Done at step 36')
    await page.page.reload()
    await page.until(/^Done at step 36/)
    expect((await page.save()).bytes.equals(bytes)).toBe(true)

    // Trained on it is kept as a whole, and the form still says how much is asked for at a time.
    await page.press('primary')
    await page.until(/^Done at step 72/)
    await page.page.reload()
    await page.until(/^Done at step 72/)
    expect(await page.page.$eval('select[name="epochs"]', (select) => (select as HTMLSelectElement).value)).toBe('2')

    await page.give(
      'csv',
      'rows.csv',
      rows(400, (i) => `day ${i},${i},${i % 9 ? i % 5 : 'NA'}`),
    )
    await page.page.waitForFunction(() => document.getElementById('source')?.innerText.includes('400 rows'))
    await page.press('anew')
    await page.until(/^Done/)
    expect(await page.page.$eval('#forecast-chart', (chart) => chart.ariaLabel)).toMatch(/^level, rows 320 to 402/)
    // A file that is given before the page has found what is kept is for another training.
    await page.page.reload()
    await page.give(
      'csv',
      'rows.csv',
      rows(200, (i) => `day ${i},${i},${i % 5}`),
    )
    await page.until(/^Done/)
    expect(await page.text('source')).toContain('a file of 400 rows')
    expect(page.errors).toEqual([])
  })
})

test('pauses, reloads and goes on with the same bits', async () => {
  // Long enough to be paused on the way.
  const longer = quick.replace('epochs=2', 'epochs=30')
  const page = await open(longer)
  await page.until(/^Ready/)
  await page.press('primary')
  await page.until(/^Done at step 540/)
  const whole = await page.save()
  expect(whole.name).toBe('forecast-weather-gru.safetensors')
  const file = await openSafetensors(new Uint8Array(whole.bytes))
  expect(file.info('rnn.weight_hh_l0').shape).toEqual([24, 8])
  expect(file.metadata).toMatchObject({ cell: 'gru', window: '10', horizon: '3', hidden: '8' })

  await page.pressUntil('anew', /^Training/)
  await page.untilStep(5)
  await page.press('primary')
  const paused = await page.until(/^Paused at step \d+/)
  // Neither one that is cancelled at once nor one that cannot be kept puts an end to it.
  await page.pressTogether('anew', 'primary')
  expect(await page.until(/^Paused/)).toBe(paused)
  await fill(page, 'all')
  await page.press('anew')
  await page.noticed('no space left')
  expect(await page.text('status')).toBe(paused)
  expect(paused).toBe(`Paused at step ${await page.step()}`)
  // Pausing says where that was not kept, and what failed is not tried again by itself.
  await fill(page, 'files when paused')
  await page.press('primary')
  await page.untilStep((await page.step()) + 1)
  await page.press('primary')
  await page.noticed('could not be kept')
  expect(await page.text('status')).toMatch(/^Paused at step \d+, but not kept$/)
  await page.press('primary')
  await page.noticed('no space left')
  await page.pressUntil('primary', /^Paused at step \d+$/)

  await page.press('primary')
  const { said, saved } = await page.reloadPaused((await page.step()) + 1)
  expect(said[1]).toBe(said[0])
  expect(saved[1].equals(saved[0])).toBe(true)
  await page.until(/^Done at step 540/)
  expect((await page.save()).bytes.equals(whole.bytes)).toBe(true)
  expect(saved[0].equals(whole.bytes)).toBe(false)
  expect(page.errors).toEqual([])
  await page.page.browserContext().close()
})
