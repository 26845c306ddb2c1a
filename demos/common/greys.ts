/** 28 x 28 greys as a picture: `grey` gives the one at an index, 0 to 255. */
export function greys(canvas: HTMLCanvasElement, grey: (at: number) => number): void {
  const context = canvas.getContext('2d')
  if (!context) return
  const picture = context.createImageData(28, 28)
  for (let at = 0; at < 28 * 28; at++) picture.data.fill(grey(at), 4 * at, 4 * at + 3).fill(255, 4 * at + 3, 4 * at + 4)
  context.putImageData(picture, 0, 0)
}
