import { element } from './elements.ts'
import type { DigitsSource, NetworkKind, Settings } from './protocol.ts'

/** The form, with how long to train beside what decides the bits. */
export interface SettingsForm {
  read(): { settings: Settings; epochs: number }
  write(settings: Settings, epochs: number): void
  /** Whether the form differs from the training at hand. */
  differs(settings: Settings): boolean
  onChange(listener: () => void): void
}

const defaults = { digits: 'mnist', network: 'cnn', learningRate: '0.002', batchSize: '64', epochs: '10' }

/** The settings form; values in the page's address (`?digits=drawn&epochs=3`) come first. */
export function settingsForm(): SettingsForm {
  const form = element('settings', HTMLFormElement)
  const field = (name: string): HTMLSelectElement => {
    const found = form.elements.namedItem(name)
    if (found instanceof HTMLSelectElement) return found
    throw new Error(`the settings have no field ${name}`)
  }
  const asked = new URLSearchParams(location.search)
  for (const [name, value] of Object.entries(defaults)) {
    const found = field(name)
    found.value = asked.get(name) ?? value
    // A choice that the page does not have.
    if (found.value === '') found.value = value
  }
  form.addEventListener('submit', (event) => event.preventDefault())

  const current = (): Settings => ({
    digits: field('digits').value as DigitsSource,
    network: field('network').value as NetworkKind,
    learningRate: Number(field('learningRate').value),
    batchSize: Number(field('batchSize').value),
  })
  return {
    read: () => ({ settings: current(), epochs: Number(field('epochs').value) }),
    write(settings, epochs) {
      for (const [name, value] of Object.entries({ ...settings, epochs })) field(name).value = String(value)
    },
    differs(settings) {
      return JSON.stringify(current()) !== JSON.stringify({ ...current(), ...settings })
    },
    onChange: (listener) => form.addEventListener('input', listener),
  }
}
