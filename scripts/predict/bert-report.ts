import { escapeHtml } from '../report/html.ts'
import type { Section } from '../report/report.ts'
import { bestOf, type ReadText, wordsOf } from './bert-text.ts'

/** Side of a cell of a map, in pixels. */
const cell = 9

/** A card about a text: its words in the colours of their attributions, and a map of the attention for each layer. */
export function textSection(read: ReadText): Section {
  const { name, share } = bestOf(read)
  const { attention, tokens } = read
  const layers = attention.length / tokens.length ** 2
  const maps = Array.from({ length: layers }, (_, layer) => mapOf(read, layer))
  const style = 'display:flex;flex-wrap:wrap;gap:1rem;margin-top:1rem'
  return {
    title: `${name}, ${(100 * share).toFixed(1)} %`,
    html: `<p style="color:inherit">${coloured(read)}</p><div style="${style}">${maps.join('')}</div>`,
  }
}

function coloured(read: ReadText): string {
  const words = wordsOf(read)
  const most = Math.max(1e-6, ...words.map(({ attribution }) => Math.abs(attribution)))
  return words
    .map(({ word, attribution }) => {
      const tone = attribution < 0 ? 'var(--bad)' : 'var(--good)'
      const strength = Math.round((45 * Math.abs(attribution)) / most)
      const style = `background:color-mix(in srgb, ${tone} ${strength}%, transparent);border-radius:4px;padding:0 .2em`
      return `<span style="${style}" title="${attribution.toFixed(3)}">${escapeHtml(word)}</span>`
    })
    .join(' ')
}

/** Rows look, columns are looked at; the strongest of a row is full. */
function mapOf({ attention, tokens }: ReadText, layer: number): string {
  const size = tokens.length
  const squares: string[] = []
  for (let row = 0; row < size; row++) {
    const from = (layer * size + row) * size
    const own = Array.from({ length: size }, (_, column) => attention[from + column] as number)
    const most = Math.max(1e-6, ...own)
    own.forEach((weight, column) => {
      const opacity = weight / most
      if (opacity < 0.03) return
      const title = escapeHtml(`${tokens[row]} looks at ${tokens[column]}: ${weight.toFixed(3)}`)
      squares.push(
        `<rect x="${column * cell}" y="${row * cell}" width="${cell}" height="${cell}" opacity="${opacity.toFixed(2)}"><title>${title}</title></rect>`,
      )
    })
  }
  const side = size * cell
  return `<figure style="margin:0"><figcaption style="font-size:.85rem">layer ${layer + 1}</figcaption><svg width="${side}" height="${side}" fill="var(--accent)" role="img" aria-label="Attention of layer ${layer + 1}">${squares.join('')}</svg></figure>`
}
