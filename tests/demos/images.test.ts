import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, expect, test } from 'vitest'
import { openSafetensors, writeSafetensors } from '../../src/io/index.ts'
import { serveDemos } from './serve.ts'
import { TrainingPage } from './training-page.ts'

declare global {
  /** In the page: what the camera gave. */
  var streams: MediaStream[]
}

/** Seconds that software may take to compile a network's shaders. */
const slow = 200

/** A camera that shows a pattern which moves, and that is always allowed. */
const served = serveDemos({ flags: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'] })
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wgrad-pictures-'))
})

/** A picture of one colour, with a spot of another. */
async function picture(name: string, hue: number, spot: number): Promise<string> {
  const colour = `hsl(${hue}, 70%, 60%)`
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60"><rect width="90" height="60" fill="${colour}"/><circle cx="${spot}" cy="30" r="12"/></svg>`
  const path = join(folder, name)
  await writeFile(path, await sharp(Buffer.from(svg)).png().toBuffer())
  return path
}

/** Gives a picture to look at; answers with the likeliest classes and their shares in percent. */
async function look(page: TrainingPage, path: string): Promise<Record<string, number>> {
  await page.page.$eval('#top', (list) => list.replaceChildren())
  await page.choose('picture', path)
  return seen(page)
}

/** The classes that are shown, once there are some. */
async function seen(page: TrainingPage): Promise<Record<string, number>> {
  const handle = await page.page.waitForFunction(
    () => {
      const rows = [...document.querySelectorAll('#top li')].map((row) => [...row.children].map((c) => c.textContent))
      return rows.length > 0 && rows
    },
    { timeout: 1000 * slow },
  )
  const rows = (await handle.jsonValue()) || []
  return Object.fromEntries(rows.map(([name, , share]) => [name ?? '', Number.parseFloat(share ?? '')]))
}

/** Gives pictures of a class. */
async function give(page: TrainingPage, name: string, hue: number, count: number): Promise<void> {
  const files = Array.from({ length: count }, (_, i) => picture(`${name}-${i}.png`, hue + 3 * i, 30 + 3 * i))
  await page.page.$eval(
    '#class-name',
    (input, text) => {
      ;(input as HTMLInputElement).value = text
    },
    name,
  )
  await page.choose('examples', ...(await Promise.all(files)))
  const line = `${name}: ${count}`
  await page.page.waitForFunction(
    (wanted) => document.getElementById('counts')?.innerText.includes(wanted),
    { timeout: 1000 * slow },
    line,
  )
}

// Each goes on where the one before it ended, since software takes long to compile a network.
let page: TrainingPage
/** What the page saved, and what that made of a picture. */
let learned: { readonly name: string; readonly bytes: Buffer }
let classes: Record<string, number>

test('learns shapes while its main thread stays free', async () => {
  const { site, browser } = served()
  page = await TrainingPage.open(browser, `${site.page('images')}?network=quarter&batchSize=8&epochs=1`)
  await page.until(/^Ready/)
  const tasks = await page.trainTraced(1, /^Done at step 9/, slow)
  expect(tasks.length).toBeGreaterThan(20)
  expect(tasks.at(-1)).toBeLessThan(50)
  const source = 'shapes drawn by this page: circle, square, triangle; 72 to learn from, 18 to test with'
  expect(await page.text('source')).toBe(`In use: ${source}`)
  learned = await page.save()
  expect(learned.name).toBe('images-quarter.safetensors')
})

test('looks at a picture and shows where', async () => {
  classes = await look(page, await picture('spot.png', 200, 45))
  expect(Object.keys(classes).sort()).toEqual(['circle', 'square', 'triangle'])
  expect(Math.abs(Object.values(classes).reduce((a, b) => a + b) - 100)).toBeLessThan(2)
  const heat = await page.page.$eval('#heat', (found) => {
    const canvas = found as HTMLCanvasElement
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] }
    return { label: canvas.ariaLabel, size: canvas.width, most: Math.max(...data.filter((_, i) => i % 4 === 3)) }
  })
  const [best] = Object.entries(classes).sort(([, a], [, b]) => b - a)
  expect(heat).toEqual({ label: `Where the network looked for ${best?.[0]}`, size: 8, most: 150 })
  expect(await page.shots('images')).toEqual([])
})

test('looks through the camera until it is told to stop', async () => {
  const drawn = (): Promise<string> => page.page.$eval('#shown', (canvas) => (canvas as HTMLCanvasElement).toDataURL())
  const before = await drawn()
  await page.page.$eval('#top', (list) => list.replaceChildren())
  await page.page.evaluate(() => {
    const { mediaDevices } = navigator
    const { getUserMedia } = mediaDevices
    globalThis.streams = []
    mediaDevices.getUserMedia = async (asked) => {
      const stream = await getUserMedia.call(mediaDevices, asked)
      globalThis.streams.push(stream)
      return stream
    }
  })
  const ended = (): Promise<boolean[]> =>
    page.page.evaluate(() => globalThis.streams.map((each) => each.getTracks().every((t) => t.readyState === 'ended')))
  await page.pressTogether('camera', 'camera')
  expect(Object.keys(await seen(page)).sort()).toEqual(['circle', 'square', 'triangle'])
  expect(await page.text('camera')).toBe('Stop the camera')
  expect(await drawn()).not.toBe(before)
  await page.press('camera')
  expect(await page.text('camera')).toBe('Use the camera')
  expect(await ended()).toEqual([true])
  // A picture that is chosen while it is asked for counts.
  await page.press('camera')
  await look(page, join(folder, 'spot.png'))
  await page.page.waitForFunction(() => globalThis.streams.length === 2)
  expect(await ended()).toEqual([true, true])
  expect(await page.text('camera')).toBe('Use the camera')
  expect(await drawn()).toBe(before)
  expect(page.errors).toEqual([])
})

test('refuses what is no picture and weights of something else, and changes nothing', async () => {
  await writeFile(join(folder, 'note.png'), 'no picture')
  await page.choose('picture', join(folder, 'note.png'))
  await page.noticed('note.png is no picture that this browser can read')
  expect(await seen(page)).toEqual(classes)
  const other = join(folder, 'other.safetensors')
  await writeFile(other, writeSafetensors({ 'encoder.weight': { shape: [1], data: [1] } }))
  await page.choose('file', other)
  await page.noticed('(encoder.weight, …), which are of no residual network known here')
  expect((await page.save()).bytes.equals(learned.bytes)).toBe(true)
})

test('loads weights that look as they did, and whose backbone learns other pictures', async () => {
  const { name, bytes } = learned
  await writeFile(join(folder, name), bytes)
  await page.choose('file', join(folder, name))
  await page.until(/is loaded$/, slow)
  expect(await look(page, join(folder, 'spot.png'))).toEqual(classes)

  await page.page.select('select[name="trains"]', 'head')
  await page.page.select('select[name="batchSize"]', '4')
  await page.page.select('select[name="epochs"]', '5')
  await give(page, 'red', 0, 5)
  await page.press('anew')
  await page.noticed('all pictures are of one class, red')
  await give(page, 'blue', 220, 5)
  await page.press('anew')
  await page.until(/^Training/, slow)
  await page.until(/^Done at step 10/, slow)
  expect(await page.text('source')).toBe('In use: pictures of yours: red, blue; 8 to learn from, 2 to test with')
  const whole = await page.save()
  const backbone = async (file: Buffer): Promise<unknown> =>
    (await openSafetensors(new Uint8Array(file))).read('layer3.2.conv2.weight')
  expect(await backbone(whole.bytes)).toEqual(await backbone(bytes))

  // Paused and reloaded it goes on with the same bits.
  await page.pressUntil('anew', /^Training/)
  await page.untilStep(1, slow)
  await page.press('primary')
  await page.until(/^(Paused|Done) at/, slow)
  await page.page.reload()
  await page.until(/^(Paused|Done) at/, slow)
  if (/^Paused/.test(await page.text('status'))) await page.press('primary')
  await page.until(/^Done at step 10/, slow)
  expect((await page.save()).bytes.equals(whole.bytes)).toBe(true)
  expect(page.errors).toEqual([])
  await page.page.browserContext().close()
})
