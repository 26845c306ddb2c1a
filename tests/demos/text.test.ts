import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSafetensors, writeSafetensors } from '../../src/io/index.ts'
import { serveDemos } from './serve.ts'
import { TrainingPage } from './training-page.ts'

/** Quick to train on a software adapter. */
const quick = '?hidden=32&learningRate=0.003&batchSize=64'

const served = serveDemos()

/** Puts a text into a field, as pasting does. */
async function paste(page: TrainingPage, id: string, text: string): Promise<void> {
  await page.page.$eval(
    `#${id}`,
    (area, value) => {
      ;(area as HTMLTextAreaElement).value = value
      area.dispatchEvent(new InputEvent('input', { bubbles: true }))
    },
    text,
  )
}

/** Drops a file on an element; whether the browser leaves that to the page. */
async function drop(page: TrainingPage, id: string, text: string): Promise<boolean> {
  return page.page.$eval(
    `#${id}`,
    (target, content) => {
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File([content], 'texts.tsv'))
      return !target.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
    },
    text,
  )
}

/** Waits until the page's verdict about a text matches. */
async function verdict(page: TrainingPage, pattern: RegExp): Promise<void> {
  await page.page.waitForFunction(
    (source) => new RegExp(source).test(document.getElementById('verdict')?.innerText ?? ''),
    { timeout: 30_000 },
    pattern.source,
  )
}

describe('the page of texts', () => {
  let page: TrainingPage
  /** Weights that the page saved, and what they became after they had learned texts of one's own. */
  let saved: Uint8Array
  let whole: Buffer

  /** Texts of one's own: short ones, so that there is one length to compile. */
  const own = Array.from(
    { length: 160 },
    (_, i) => `the ${i % 2 ? 'music' : 'camera work'} is ${i}\t${i % 2 ? 'ear' : 'eye'}`,
  )

  /** Loads the weights to go on from with texts of one's own: 9 steps an epoch, 10 epochs. */
  async function loadForOwn(): Promise<void> {
    await paste(page, 'texts', own.join('\n'))
    await page.page.select('select[name="batchSize"]', '16')
    await page.page.select('select[name="epochs"]', '10')
    await page.give('file', 'right.safetensors', saved)
    await page.until(/is loaded$/)
  }

  beforeAll(async () => {
    const { site, browser } = served()
    page = await TrainingPage.open(browser, `${site.page('text')}${quick}&epochs=5`)
    await page.until(/^Ready/)
  })

  afterAll(async () => {
    await page?.page.browserContext().close()
  })

  test('learns the reviews it writes while its main thread stays free', async () => {
    const tasks = await page.trainTraced(5, /^Done at step 140/)
    expect(tasks.at(-1)).toBeLessThan(50)
    expect(Number.parseFloat(await page.text('accuracy'))).toBeGreaterThanOrEqual(85)
    expect(await page.text('source')).toBe(
      'In use: 1,800 texts to train on and 200 to measure with, of negative, positive; 75 tokens.',
    )
    expect(page.errors).toEqual([])
  })

  test('tells what a text says, and which words decided', async () => {
    await paste(page, 'text', 'the plot is dull and lifeless')
    await verdict(page, /^negative/)
    await paste(page, 'text', 'the plot is superb and charming')
    await verdict(page, /^positive/)
    const chips = await page.page.$$eval('#tokens li', (all) =>
      all.map((chip) => ({ text: chip.textContent, title: (chip as HTMLElement).title })),
    )
    expect(chips.map(({ text }) => text)).toEqual(['[CLS]', 'the', 'plot', 'is', 'superb', 'and', 'charming', '[SEP]'])
    const share = (word: string): number =>
      Number(/positive: (-?[\d.]+)$/.exec(chips.find(({ text }) => text === word)?.title ?? '')?.[1])
    expect(Math.max(share('superb'), share('charming'))).toBeGreaterThan(
      Math.max(share('plot'), share('is'), share('the')),
    )
    expect(await page.page.$eval('#attention', (map) => [(map as HTMLCanvasElement).width, map.ariaLabel])).toEqual([
      8,
      'Attention of the last layer, 8 tokens by 8',
    ])
    const bars = await page.page.$$eval('#bars b', (all) =>
      all.map((bar) => Number.parseInt(bar.textContent ?? '', 10)),
    )
    expect(bars.reduce((sum, bar) => sum + bar, 0)).toBe(100)
  })

  test('says what is wrong with a text', async () => {
    await paste(page, 'text', '  ')
    await verdict(page, /^Write something$/)
    await paste(page, 'text', 'superb '.repeat(60))
    await verdict(page, /^positive/)
    expect(await page.text('answer-note')).toBe('The text is too long: its last 14 tokens were not read.')
    expect(page.errors).toEqual([])
  })

  test('fits phones and desktops, light and dark', async () => {
    await paste(page, 'text', 'the plot is predictable , but the acting is never dull')
    await verdict(page, /^(positive|negative)/)
    expect(await page.shots('text')).toEqual([])
  })

  test('saves weights, refuses others, and goes on from them with texts of its own', async () => {
    const { name, bytes } = await page.save()
    expect(name).toBe('text-32.safetensors')
    const file = await openSafetensors(new Uint8Array(bytes))
    expect(file.info('bert.encoder.layer.1.attention.self.query.weight').shape).toEqual([32, 32])
    expect(file.metadata.vocabulary?.split('\n')).toHaveLength(75)
    const source = await page.text('source')

    const ofOther = writeSafetensors(
      { 'conv1.weight': { shape: [1], data: [1] } },
      { metadata: { hidden: '32', vocabulary: file.metadata.vocabulary as string } },
    )
    for (const [wrong, message] of [
      [writeSafetensors({ w: { shape: [1], data: [1] } }), 'does not say which words its model knows'],
      [ofOther, 'missing bert.embeddings.word_embeddings.weight [75, 32]'],
    ] as const) {
      await page.give('file', 'wrong.safetensors', wrong)
      await page.noticed(message)
      expect((await page.save()).bytes.equals(bytes)).toBe(true)
    }

    expect(await drop(page, 'texts', [...own, 'no class here'].join('\n'))).toBe(true)
    await page.page.waitForFunction(() => (document.getElementById('texts') as HTMLTextAreaElement).value !== '')
    // One that misses the list does not take the page away.
    expect(await drop(page, 'trainer', 'missed')).toBe(true)
    await page.press('anew')
    await page.noticed(`line ${own.length + 1} of the list has no tab`)
    await paste(page, 'texts', own.map((line) => line.replace(/eye$/, 'ear')).join('\n'))
    await page.press('anew')
    await page.noticed('all of class ear')
    await paste(page, 'texts', own.join('\n'))
    await page.give('file', 'wrong.safetensors', ofOther)
    await page.noticed('missing bert.embeddings.word_embeddings.weight [75, 32]')
    // What was refused leaves the training at hand as it was.
    expect(await page.text('status')).toBe('Done at step 140')
    expect(await page.text('source')).toBe(source)
    expect((await page.save()).bytes.equals(bytes)).toBe(true)

    saved = bytes
    await loadForOwn()
    expect(await page.text('source')).toBe(
      'In use: 144 texts to train on and 16 to measure with, of ear, eye; 75 tokens. The weights that were loaded tell negative, positive apart, so the classifier is a new one.',
    )
    const classifier = async (from: Uint8Array): Promise<unknown> =>
      (await openSafetensors(from)).read('classifier.weight')
    const loaded = new Uint8Array((await page.save()).bytes)
    expect(await classifier(loaded)).not.toEqual(await classifier(saved))
    await page.press('primary')
    await page.until(/^Done at step 90/)
    whole = (await page.save()).bytes
    expect(page.errors).toEqual([])
  })

  test('pauses, reloads and goes on with the same bits', async () => {
    await loadForOwn()
    await page.press('primary')
    const { said, saved: kept } = await page.reloadPaused(8)
    expect(said[1]).toBe(said[0])
    expect(kept[1].equals(kept[0])).toBe(true)
    await page.until(/^Done at step 90/)
    expect((await page.save()).bytes.equals(whole)).toBe(true)
    expect(kept[0].equals(whole)).toBe(false)
    expect(page.errors).toEqual([])
  })
})
