import { expect, test } from 'vitest'
import { serveDemos } from './serve.ts'
import { TrainingPage } from './training-page.ts'

const served = serveDemos()

function open(query: string): Promise<TrainingPage> {
  const { site, browser } = served()
  return TrainingPage.open(browser, `${site.page('clusters')}?${query}`)
}

test('finds clusters of digits while its main thread stays free, and keeps them over a reload', async () => {
  const page = await open('samples=drawn&widths=64,10&epochs=5&steps=100')
  await page.until(/^Ready/)
  const tasks = await page.trainTraced(10, /^Done at step 140/)
  expect(tasks.length).toBeGreaterThan(50)
  expect(tasks.at(-1)).toBeLessThan(50)
  // Above the tenth that one class of ten makes: so short a training finds little in digits that are turned and moved about.
  expect(Number.parseFloat(await page.text('accuracy'))).toBeGreaterThan(15)
  expect(await page.page.$eval('#scatter', (canvas) => canvas.ariaLabel)).toBe(
    'Where the samples are: 1000 points in 10 clusters',
  )
  const colours = await page.page.$eval('#scatter', (found) => {
    const canvas = found as HTMLCanvasElement
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] }
    return new Set(new Uint32Array(Uint8ClampedArray.from(data).buffer)).size
  })
  // One for each cluster, and what is behind them.
  expect(colours).toBeGreaterThan(10)
  expect(
    await page.page.$$eval('#groups li', (rows) => rows.map((row) => row.querySelectorAll('canvas').length)),
  ).toEqual(new Array(10).fill(8))
  expect(await page.shots('clusters')).toEqual([])

  const { name, bytes } = await page.save()
  expect(name).toBe('clusters-drawn.safetensors')
  await page.page.reload()
  await page.until(/^Done at step 140/)
  expect((await page.save()).bytes.equals(bytes)).toBe(true)

  // Paused and reloaded it goes on with the same bits: once among the codes, once among the clusters.
  await page.pressUntil('anew', /^Training/)
  // What was found before is gone.
  expect(await page.page.$$eval('#groups li', (rows) => rows.length)).toBe(0)
  expect(await page.text('changed')).toBe('–')
  for (const step of [3, 50]) {
    await page.untilStep(step)
    await page.press('primary')
    await page.until(/^Paused/)
    await page.page.reload()
    await page.until(/^Paused/)
    await page.press('primary')
  }
  await page.until(/^Done at step 140/)
  expect((await page.save()).bytes.equals(bytes)).toBe(true)
  expect(page.errors).toEqual([])
  await page.page.browserContext().close()
})

test('clusters a table, and says what is wrong with others', async () => {
  const row = (i: number): string =>
    [i % 3, (i % 3) * 2, 1 - (i % 3)].map((value) => (value + 0.1 * Math.sin(i * 7 + value)).toFixed(3)).join(',')
  const rows = Array.from({ length: 90 }, (_, i) => `${row(i)},${['red', 'green', 'blue'][i % 3]}`)

  const page = await open('steps=40')
  await page.until(/^Ready/)
  await page.give('table', 'texts.csv', 'name,town\nAnna,Rome\nBen,Oslo\n')
  await page.noticed('the table has no column of numbers without gaps')

  const many = Array.from({ length: 12_000 }, (_, i) => row(i))
  await page.give('table', 'many.csv', many.join('\n'))
  await page.page.waitForFunction(() =>
    document
      .getElementById('source')
      ?.innerText.endsWith('A table of 12,000 rows: column 1, column 2, column 3; one of 3 rows is shown'),
  )

  await page.give('table', 'kinds.csv', rows.join('\n'))
  await page.page.waitForFunction(() => document.getElementById('source')?.innerText.startsWith('kinds.csv'))
  expect(await page.text('source')).toContain('A table of 90 rows: column 1, column 2, column 3')
  await page.page.select('select[name="epochs"]', '50')
  await page.press('primary')
  await page.until(/^Done/)
  expect(Number.parseFloat(await page.text('accuracy'))).toBe(100)
  expect(await page.page.$$eval('#groups .text', (all) => all.length)).toBe(24)
  await page.page.reload()
  await page.until(/^Done/)
  expect(await page.text('source')).toContain('A table of 90 rows')

  await page.page.$eval('input[name="clusters"]', (input) => {
    input.value = '91'
  })
  await page.press('anew')
  await page.noticed('90 samples for 91 clusters; give at least as many samples as clusters')
  expect(page.errors).toEqual([])
  await page.page.browserContext().close()
})
