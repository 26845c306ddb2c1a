import cliProgress from 'cli-progress'
import type { Callback } from '../../../src/train/index.ts'

/** A bar in the terminal over one training or several; nothing where the output is no terminal. */
export class TrainProgress {
  private readonly total: number
  private readonly started = performance.now()
  private bar: cliProgress.SingleBar | null = null
  private before = 0

  /** `total` counts the steps of all trainings. */
  constructor(total: number) {
    this.total = total
  }

  /** Shows one training, which comes after those before. */
  training(title: string): Callback {
    let steps = 0
    return {
      onPrepare: (done, total) => this.show(`${title}  compiling ${done} of ${total}`),
      onStep: ({ step, epoch, loss }, run) => {
        steps++
        const speed = ((this.before + steps) / (performance.now() - this.started)) * 1000
        const text = `epoch ${epoch} of ${run.totalEpochs}  loss ${loss.toFixed(4)}  ${speed.toPrecision(3)} steps/s`
        this.show(`${title}  ${text}`, this.before + steps, step === run.totalSteps)
      },
      onFitEnd: () => {
        this.before += steps
      },
    }
  }

  /** A line of its own, above the bar. */
  line(text: string): void {
    this.stop()
    console.log(text)
  }

  /** Clears the bar away. */
  stop(): void {
    this.bar?.stop()
    this.bar = null
  }

  private show(text: string, done = this.before, isLast = false): void {
    if (!process.stderr.isTTY) return
    if (!this.bar) {
      const format = ' {bar} {percentage} %  {text}'
      this.bar = new cliProgress.SingleBar(
        { format, clearOnComplete: true, hideCursor: true, barsize: 24, fps: 10 },
        cliProgress.Presets.rect,
      )
      this.bar.start(this.total, done, { text })
    }
    this.bar.update(done, { text })
    if (isLast) this.bar.render()
  }
}
