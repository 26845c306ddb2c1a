import { element, make } from '../common/elements.ts'
import type { Answer } from './protocol.ts'

/** Shows what the model makes of a text. */
export interface AnswerView {
  show(answer: Answer): void
  /** There is no answer, and why. */
  clear(why: string): void
}

const percent = (share: number): string => `${Math.round(100 * share)} %`

/** The bars of the classes, the tokens in the colours of their attributions, and the map of the attention. */
export function answerView(): AnswerView {
  const verdict = element('verdict', HTMLElement)
  const bars = element('bars', HTMLOListElement)
  const tokens = element('tokens', HTMLOListElement)
  const note = element('answer-note', HTMLElement)
  const map = element('attention', HTMLCanvasElement)

  return {
    show({ classes, probabilities, tokens: texts, attributions, attention, truncated }) {
      const best = probabilities.indexOf(Math.max(...probabilities))
      const name = classes[best] ?? ''
      verdict.textContent = `${name}, ${percent(probabilities[best] as number)} sure`
      bars.replaceChildren(...classes.map((each, i) => barOf(each, probabilities[i] as number, i === best)))
      const most = Math.max(1e-6, ...attributions.map(Math.abs))
      tokens.replaceChildren(...texts.map((text, i) => chipOf(text, attributions[i] as number, most, name)))
      note.textContent = truncated > 0 ? `The text is too long: its last ${truncated} tokens were not read.` : ''
      paint(map, attention, texts.length)
    },
    clear(why) {
      verdict.textContent = why
      note.textContent = ''
      bars.replaceChildren()
      tokens.replaceChildren()
      map.hidden = true
    },
  }
}

function barOf(name: string, share: number, isBest: boolean): HTMLLIElement {
  const row = make('li', { className: isBest ? 'best' : '' })
  const bar = make('div', { className: 'bar' })
  const level = make('span')
  level.style.width = `${100 * share}%`
  bar.append(level)
  row.append(make('span', { text: name }), bar, make('b', { text: percent(share) }))
  return row
}

function chipOf(text: string, attribution: number, most: number, name: string): HTMLLIElement {
  const chip = make('li', { className: attribution < 0 ? 'against' : 'for', text })
  chip.style.setProperty('--strength', String(Math.abs(attribution) / most))
  chip.title = `${text} speaks ${attribution < 0 ? 'against' : 'for'} ${name}: ${attribution.toFixed(2)}`
  return chip
}

/** Rows look, columns are looked at; the strongest of a row is full. */
function paint(map: HTMLCanvasElement, attention: Float32Array, size: number): void {
  map.hidden = false
  map.width = size
  map.height = size
  map.setAttribute('aria-label', `Attention of the last layer, ${size} tokens by ${size}`)
  const context = map.getContext('2d')
  if (!context) return
  context.fillStyle = getComputedStyle(map).getPropertyValue('--accent')
  for (let row = 0; row < size; row++) {
    const own = attention.subarray(row * size, (row + 1) * size)
    const most = Math.max(1e-6, ...own)
    own.forEach((weight, column) => {
      context.globalAlpha = weight / most
      context.fillRect(column, row, 1, 1)
    })
  }
}
