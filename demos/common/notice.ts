import { element, make } from './elements.ts'

/** What is wrong, and a way on. */
export interface Notice {
  readonly title: string
  readonly paragraphs: readonly string[]
  /** What to try, one by one. */
  readonly steps?: readonly string[]
  readonly action?: { readonly text: string; readonly run: () => void }
}

/** Shows a notice above everything, or none. */
export function notice(shown: Notice | null): void {
  const place = element('notice', HTMLElement)
  const button = element('notice-action', HTMLButtonElement)
  place.hidden = shown === null
  if (!shown) return
  const { title, paragraphs, steps = [], action } = shown
  element('notice-title', HTMLElement).textContent = title
  const list = make('ul')
  list.append(...steps.map((text) => make('li', { text })))
  const lines = paragraphs.map((text) => make('p', { text }))
  element('notice-text', HTMLElement).replaceChildren(...lines, ...(steps.length > 0 ? [list] : []))
  button.hidden = action === undefined
  button.textContent = action?.text ?? ''
  button.onclick = action ? (): void => action.run() : null
}

/** What to do where there is no WebGPU; `reason` is what the attempt to open it said. */
export function missingWebGpu(reason: string | null): Notice {
  const address = isSecureContext
    ? []
    : ['Open the page by https, or from localhost: browsers offer WebGPU nowhere else.']
  return {
    title: 'This browser offers no WebGPU here',
    paragraphs: [
      'The network is trained by your GPU, which a page reaches through WebGPU.',
      ...(reason ? [reason] : []),
    ],
    steps: [
      ...address,
      'Use Chrome or Edge from version 113, Safari from 26, or Firefox from 141.',
      'Turn on hardware acceleration in the browser’s settings, update the graphics driver, and start the browser anew.',
      'On Linux, Chrome may need the flag chrome://flags/#enable-unsafe-webgpu.',
    ],
    action: { text: 'Try again', run: () => location.reload() },
  }
}
