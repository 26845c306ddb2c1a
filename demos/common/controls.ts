import { element } from './elements.ts'
import { fileButton } from './file-button.ts'

/** Where the page stands. */
export type State = 'opening' | 'ready' | 'working' | 'training' | 'pausing' | 'paused' | 'done' | 'stopped' | 'failed'

/** The buttons, numbers and the line that says what goes on. */
export interface Controls {
  /** Shows a state; `text` says what goes on, and `primary` names the large button. */
  state(state: State, text: string, primary?: string): void
  /** A bar while something takes long: 0 to 1, null without an end in sight; undefined hides it. */
  progress(share: number | null | undefined): void
  /** Sets one of the numbers, by the id of its element. */
  fact(id: string, text: string): void
  on(name: 'primary' | 'anew' | 'save', listener: () => void): void
  /** A file was chosen to load weights from. */
  onFile(listener: (file: File) => void): void
  readonly current: State
}

/** Which of the buttons can be pressed in each state. */
const enabled: Record<State, readonly ('primary' | 'anew' | 'save' | 'load')[]> = {
  opening: [],
  ready: ['primary', 'load'],
  working: ['primary'],
  training: ['primary', 'anew', 'save', 'load'],
  pausing: [],
  paused: ['primary', 'anew', 'save', 'load'],
  done: ['primary', 'anew', 'save', 'load'],
  stopped: ['primary', 'anew', 'load'],
  failed: ['primary'],
}

/** Finds them in the page. */
export function controls(): Controls {
  const buttons = Object.fromEntries(
    ['primary', 'anew', 'save', 'load'].map((id) => [id, element(id, HTMLButtonElement)] as const),
  )
  const status = element('status', HTMLElement)
  const bar = element('progress', HTMLProgressElement)
  let current: State = 'opening'
  /** Had the focus when it was disabled, which takes it away. */
  let waiting: HTMLButtonElement | null = null
  return {
    get current() {
      return current
    },
    state(state, text, primary) {
      current = state
      status.textContent = text
      status.dataset.state = state
      if (primary && buttons.primary) buttons.primary.textContent = primary
      const on: readonly string[] = enabled[state]
      for (const [name, button] of Object.entries(buttons)) {
        if (button === document.activeElement) waiting = button
        button.disabled = !on.includes(name)
      }
      if (!waiting || waiting.disabled) return
      // Whoever has gone elsewhere meanwhile stays there.
      if (document.activeElement === document.body) waiting.focus()
      waiting = null
    },
    progress(share) {
      bar.hidden = share === undefined
      if (typeof share === 'number') bar.value = share
      else bar.removeAttribute('value')
    },
    fact(id, text) {
      element(id, HTMLElement).textContent = text
    },
    on: (name, listener) => buttons[name]?.addEventListener('click', listener),
    onFile: (listener) => fileButton('load', 'file', ([chosen]) => listener(chosen)),
  }
}
