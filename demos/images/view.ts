import { element, make } from '../common/elements.ts'
import type { Look } from './protocol.ts'

/** The picture that is looked at, and what the network makes of it. */
export interface PictureView {
  /** Shows the picture itself. */
  picture(image: CanvasImageSource, width: number, height: number): void
  /** Shows what the network makes of it, over it. Screen readers are not told of pictures that pass by, as a camera's do. */
  look(look: Look, options: { readonly isPassing: boolean }): void
  clear(): void
}

/** The picture, its heat and its bars. */
export function pictureView(): PictureView {
  const shown = element('shown', HTMLCanvasElement)
  const heat = element('heat', HTMLCanvasElement)
  const list = element('top', HTMLOListElement)
  const hint = element('drop-hint', HTMLElement)
  const clear = (): void => {
    heat.getContext('2d')?.clearRect(0, 0, heat.width, heat.height)
    list.replaceChildren()
  }
  return {
    clear,
    picture(image, width, height) {
      const side = shown.width
      const scale = side / Math.min(width, height)
      const context = shown.getContext('2d')
      context?.clearRect(0, 0, side, side)
      context?.drawImage(image, (side - width * scale) / 2, (side - height * scale) / 2, width * scale, height * scale)
      hint.hidden = true
    },
    look({ top, heat: values, columns }, { isPassing }) {
      list.ariaLive = isPassing ? 'off' : 'polite'
      drawHeat(heat, values, columns)
      list.replaceChildren(...top.map(bar))
      const [best] = top
      heat.setAttribute('aria-label', best ? `Where the network looked for ${best.name}` : 'Where the network looked')
    },
  }
}

/** A class with a bar. */
function bar({ name, probability }: Look['top'][number]): HTMLLIElement {
  const row = make('li')
  const share = `${(100 * probability).toFixed(probability < 0.1 ? 1 : 0)} %`
  const meter = make('span', { className: 'meter' })
  meter.style.setProperty('--share', String(probability))
  row.append(make('span', { className: 'name', text: name }), meter, make('span', { className: 'share', text: share }))
  return row
}

/** One pixel for each place, which the browser makes smooth: the hotter, the redder and the less transparent. */
function drawHeat(canvas: HTMLCanvasElement, values: Float32Array, columns: number): void {
  const rows = values.length / columns
  Object.assign(canvas, { width: columns, height: rows })
  const context = canvas.getContext('2d')
  if (!context) return
  const image = context.createImageData(columns, rows)
  values.forEach((value, i) => {
    image.data.set([255, Math.round(200 * (1 - value)), 0, Math.round(150 * value)], 4 * i)
  })
  context.putImageData(image, 0, 0)
}
