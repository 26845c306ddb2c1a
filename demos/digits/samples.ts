import { element, make, onceAFrame } from '../common/elements.ts'
import { greys } from '../common/greys.ts'

/** The digits that the network never trains on. */
export interface TestDigits {
  /** Bytes [n, 28, 28]. */
  readonly images: Uint8Array
  readonly labels: Uint8Array
}

/** What the network read in them, and how surely. */
export interface Read {
  readonly read: Uint8Array
  readonly sure: Float32Array
}

/** The grid of test digits. */
export interface Samples {
  setDigits(digits: TestDigits): void
  setRead(read: Read): void
  /** No digit is picked any more. */
  unpick(): void
}

/** How many digits are shown. */
const most = 60

/** The grid of test digits; `onPick` gets the pixels of one that was picked, [28, 28] from 0 to 1. */
export function sampleGrid(onPick: (pixels: Float32Array<ArrayBuffer>) => void): Samples {
  const list = element('samples', HTMLOListElement)
  const note = element('samples-note', HTMLElement)
  const [first, wrong] = [...document.querySelectorAll<HTMLInputElement>('input[name="shown"]')]
  let digits: TestDigits | null = null
  let result: Read | null = null
  let picked: number | null = null

  const cells = Array.from({ length: most }, () => {
    const item = make('li')
    const button = make('button')
    const canvas = make('canvas')
    const text = make('span')
    button.type = 'button'
    Object.assign(canvas, { width: 28, height: 28 })
    button.append(canvas, text)
    item.append(button)
    item.hidden = true
    const cell = { item, button, canvas, text, at: -1, shown: null as TestDigits | null }
    button.addEventListener('click', () => {
      if (!digits) return
      picked = cell.at
      onPick(Float32Array.from(digits.images.subarray(cell.at * 784, (cell.at + 1) * 784), (byte) => byte / 255))
      draw()
    })
    return cell
  })
  list.append(...cells.map(({ item }) => item))

  const draw = (): void => {
    if (!digits) return
    const { labels, images } = digits
    const isWrong = (at: number): boolean => result !== null && result.read[at] !== labels[at]
    const all = Array.from(labels.keys())
    const mistakes = result ? all.filter(isWrong) : []
    const shown = wrong?.checked ? mistakes : all
    cells.forEach((cell, i) => {
      const at = shown[i]
      cell.item.hidden = at === undefined
      if (at === undefined) return
      if (cell.at !== at || cell.shown !== digits) {
        Object.assign(cell, { at, shown: digits })
        greys(cell.canvas, (pixel) => images[at * 784 + pixel] as number)
      }
      const read = result?.read[at]
      const sure = Math.round(100 * (result?.sure[at] ?? 0))
      cell.text.textContent = read === undefined ? '?' : isWrong(at) ? `✗ ${read}` : String(read)
      cell.button.classList.toggle('is-wrong', isWrong(at))
      cell.button.setAttribute('aria-pressed', String(picked === at))
      const outcome = read === undefined ? 'not read yet' : `read as ${read}, ${sure} % sure`
      cell.button.setAttribute('aria-label', `Test digit ${at + 1}, a ${labels[at]}: ${outcome}`)
      cell.button.title = outcome
    })
    note.textContent = describe(labels.length, result ? mistakes.length : null)
  }
  const describe = (count: number, mistakes: number | null): string => {
    const some = count.toLocaleString('en')
    if (mistakes === null) return `${some} digits that the network never trains on.`
    const part = mistakes === 1 ? '1 is' : `${mistakes.toLocaleString('en')} are`
    return `Under each digit stands what was read. Of ${some}, ${part} read wrongly. Pick one to see how sure the network is.`
  }
  const redraw = onceAFrame(draw)
  for (const choice of [first, wrong]) choice?.addEventListener('change', redraw)
  return {
    setDigits(next) {
      digits = next
      result = null
      picked = null
      redraw()
    },
    setRead(next) {
      result = next
      redraw()
    },
    unpick() {
      picked = null
      redraw()
    },
  }
}
