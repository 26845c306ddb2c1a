import { element, make } from '../common/elements.ts'
import { greys } from '../common/greys.ts'

/** Shows what the network sees and what it makes of it. */
export interface Answer {
  /** A digit, [28, 28] from 0 to 1, and where it is from. */
  see(pixels: Float32Array): void
  /** The probabilities of 0 to 9. */
  show(probabilities: Float32Array): void
  clear(): void
}

/** The side view of the pad, with a bar for each digit. */
export function answerView(): Answer {
  const seen = element('seen', HTMLCanvasElement)
  const [best, sure] = element('answer', HTMLElement).children
  const bars = element('bars', HTMLOListElement)
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const row = make('li')
    const bar = make('div', { className: 'bar' })
    const level = make('span')
    bar.append(level)
    row.append(bar, make('b', { text: String(digit) }))
    bars.append(row)
    return { row, level }
  })

  // Only a digit that changes is read out: how sure the network is changes all the time.
  const say = (digit: string, how: string): void => {
    if (best && best.textContent !== digit) best.textContent = digit
    if (sure) sure.textContent = how
  }
  const clear = (): void => {
    greys(seen, () => 16)
    say('', 'nothing yet')
    for (const { row, level } of rows) {
      row.className = ''
      row.removeAttribute('aria-label')
      level.style.transform = ''
    }
  }
  clear()
  return {
    clear,
    see: (pixels) => greys(seen, (at) => 255 * (pixels[at] as number)),
    show(probabilities) {
      const most = probabilities.indexOf(Math.max(...probabilities))
      const percent = (digit: number): string => `${Math.round(100 * (probabilities[digit] as number))} %`
      say(String(most), `${percent(most)} sure`)
      rows.forEach(({ row, level }, digit) => {
        row.className = digit === most ? 'best' : ''
        row.setAttribute('aria-label', `${digit}: ${percent(digit)}`)
        level.style.transform = `scaleY(${probabilities[digit]})`
      })
    },
  }
}
