import { element } from './elements.ts'

/** Makes a button open the choice of files of a hidden input, and hands on what is chosen: one file at least. */
export function fileButton(button: string, input: string, listener: (files: [File, ...File[]]) => unknown): void {
  const chooser = element(input, HTMLInputElement)
  element(button, HTMLButtonElement).addEventListener('click', () => chooser.click())
  chooser.addEventListener('change', () => {
    const [first, ...others] = chooser.files ?? []
    // The same file can be chosen again.
    chooser.value = ''
    if (first) listener([first, ...others])
  })
}
