import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { progressBar } from '../../src/node/progress-bar.ts'

/** A stream that keeps what is written to it. */
class Screen extends Writable {
  readonly columns = 200
  readonly isTTY: boolean
  text = ''

  constructor(isTTY: boolean) {
    super()
    this.isTTY = isTTY
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }

  cursorTo(): void {}
  clearLine(): void {}
  moveCursor(): void {}
}

const run = { totalSteps: 4, totalEpochs: 2 }

async function train(screen: Screen): Promise<string> {
  const bar = await progressBar({ stream: screen })
  bar.onPrepare(1, 3)
  bar.onPrepare(3, 3)
  bar.onStep({ step: 1, epoch: 1, loss: 2.5 }, run)
  await new Promise((resolve) => setTimeout(resolve, 150))
  bar.onStep({ step: 2, epoch: 1, loss: 1.25 }, run)
  await new Promise((resolve) => setTimeout(resolve, 150))
  bar.onEpochEnd({ epoch: 1, step: 2, lr: 0.1, loss: 1.875, valLoss: 1.5, accuracy: 0.75 }, run)
  bar.onStep({ step: 3, epoch: 2, loss: 1 }, run)
  bar.onFitEnd()
  return screen.text
}

test('a terminal shows a bar with loss, speed and time left, and keeps a line for each epoch', async () => {
  const text = await train(new Screen(true))
  expect(text).toContain('compiling 1 of 3')
  expect(text).toContain('25 %  epoch 1 of 2  loss 2.5000')
  expect(text).toMatch(/50 % {2}epoch 1 of 2 {2}loss 1\.2500 {2}[\d.]+ steps\/s {2}0 s left/)
  expect(text).toContain('epoch 1 of 2  loss 1.875  valLoss 1.500  accuracy 0.7500\n')
})

test('other streams get the lines alone', async () => {
  expect(await train(new Screen(false))).toBe('epoch 1 of 2  loss 1.875  valLoss 1.500  accuracy 0.7500\n')
})
