/** Takes the first file that is dropped on a part of the page. */
export function fileDrop(target: GlobalEventHandlers, listener: (file: File) => unknown): void {
  target.addEventListener('dragover', (event) => offer(event, 'copy'))
  target.addEventListener('drop', (event) => {
    const [file] = event.dataTransfer?.files ?? []
    if (!file) return
    event.preventDefault()
    listener(file)
  })
}

/** Keeps a file that is dropped elsewhere from taking the page's place, and its training with it. */
export function refuseOtherDrops(): void {
  for (const kind of ['dragover', 'drop'] as const)
    window.addEventListener(kind, (event) => {
      if (!event.defaultPrevented) offer(event, 'none')
    })
}

/** Says what dropping a file here does; text goes where it would. */
function offer(event: DragEvent, effect: 'copy' | 'none'): void {
  if (!event.dataTransfer?.types.includes('Files')) return
  event.preventDefault()
  event.dataTransfer.dropEffect = effect
}
