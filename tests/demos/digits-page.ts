import { TrainingPage } from './training-page.ts'

/** The page of digits as a person at the browser has it. */
export class DigitsPage extends TrainingPage {
  /** Test accuracy in percent, as the page shows it. */
  async accuracy(): Promise<number> {
    return Number.parseFloat(await this.text('accuracy'))
  }

  /** Draws on the pad with the mouse: strokes of points from 0 to 1. */
  async draw(strokes: readonly (readonly (readonly [x: number, y: number])[])[]): Promise<void> {
    const box = await (await this.page.$('#pad'))?.boundingBox()
    if (!box) throw new Error('the pad is not shown')
    const { mouse } = this.page
    for (const [first, ...rest] of strokes) {
      const place = ([x, y]: readonly [number, number]): [number, number] => [
        box.x + x * box.width,
        box.y + y * box.height,
      ]
      await mouse.move(...place(first ?? [0.5, 0.5]))
      await mouse.down()
      for (const point of rest) await mouse.move(...place(point), { steps: 6 })
      await mouse.up()
    }
  }
}
