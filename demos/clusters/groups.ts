import { element, make } from '../common/elements.ts'
import { greys } from '../common/greys.ts'
import { clusterColour } from './colours.ts'
import type { Shown } from './protocol.ts'

/** The clusters with examples of each. */
export interface Groups {
  setSamples(shown: Shown): void
  /** For each cluster the samples that belong to it most, and how many it has. */
  set(examples: readonly (readonly number[])[], sizes: readonly number[]): void
}

/** The list `groups` of the page. */
export function groupList(): Groups {
  const list = element('groups', HTMLOListElement)
  let samples: Shown | null = null

  const example = (at: number): HTMLElement => {
    if (samples?.kind === 'texts') return make('span', { className: 'text small', text: samples.texts[at] ?? '' })
    const canvas = make('canvas')
    Object.assign(canvas, { width: 28, height: 28 })
    const images = samples?.images
    if (images) greys(canvas, (pixel) => images[at * 784 + pixel] as number)
    return canvas
  }
  return {
    setSamples(shown) {
      samples = shown
      list.replaceChildren()
    },
    set(examples, sizes) {
      list.replaceChildren(
        ...examples.map((all, cluster) => {
          const item = make('li')
          const mark = make('b', { className: 'mark' })
          mark.style.background = clusterColour(cluster, examples.length)
          const count = (sizes[cluster] ?? 0).toLocaleString('en')
          const shown = make('div', { className: 'examples' })
          shown.append(...all.map(example))
          item.setAttribute('aria-label', `Cluster ${cluster + 1}: ${count} samples`)
          item.append(mark, make('span', { className: 'small soft', text: count }), shown)
          return item
        }),
      )
    },
  }
}
