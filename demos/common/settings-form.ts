import { element } from './elements.ts'

/** A form with all that decides a training, and with how much to train. */
export interface SettingsForm<S> {
  read(): { settings: S; goal: number }
  write(settings: S, goal: number): void
  /** Whether the form differs from the training at hand. */
  differs(settings: S): boolean
  onChange(listener: () => void): void
}

type Values = Readonly<Record<string, string>>

/** The names and first values of the fields, and which of them are what. */
export interface SettingsFields<S> {
  readonly defaults: Values
  /** The field that says how much to train. */
  readonly goal: string
  /** The settings that the fields' values stand for. */
  readonly settings: (values: Values) => S
}

/**
 * The form `settings` of the page. Its selects get the choices that their `data-values` list; values in the page's address (`?epochs=3`)
 * come first.
 */
export function settingsForm<S extends object>(fields: SettingsFields<S>): SettingsForm<S> {
  const form = element('settings', HTMLFormElement)
  const field = (name: string): HTMLSelectElement | HTMLInputElement => {
    const found = form.elements.namedItem(name)
    if (found instanceof HTMLSelectElement || found instanceof HTMLInputElement) return found
    throw new Error(`the settings have no field ${name}`)
  }
  for (const select of form.querySelectorAll('select'))
    for (const value of select.dataset.values?.split(' ') ?? []) select.append(new Option(value))
  const asked = new URLSearchParams(location.search)
  for (const [name, value] of Object.entries(fields.defaults)) {
    const found = field(name)
    found.value = asked.get(name) ?? value
    // A choice that the page does not have.
    if (found.value === '') found.value = value
  }
  /** Sets a value; a choice that the page does not offer, such as one of a file, is added. */
  const put = (found: HTMLSelectElement | HTMLInputElement, value: string): void => {
    found.value = value
    if (found.value === value || found instanceof HTMLInputElement) return
    found.append(new Option(value))
    found.value = value
  }
  form.addEventListener('submit', (event) => event.preventDefault())

  const current = (): S =>
    fields.settings(Object.fromEntries(Object.keys(fields.defaults).map((name) => [name, field(name).value])))
  return {
    read: () => ({ settings: current(), goal: Number(field(fields.goal).value) }),
    write(settings, goal) {
      for (const [name, value] of Object.entries({ ...settings, [fields.goal]: goal }))
        if (name in fields.defaults) put(field(name), String(value))
    },
    differs(settings) {
      return JSON.stringify(current()) !== JSON.stringify({ ...current(), ...settings })
    },
    onChange: (listener) => form.addEventListener('input', listener),
  }
}
