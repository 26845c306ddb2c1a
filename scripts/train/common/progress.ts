import cliProgress from 'cli-progress'
import type { Callback, EpochLog } from '../../../src/train/index.ts'

/** A bar in the terminal over one training or several; nothing where the output is no terminal. */
export class TrainProgress {
  private total: number
  private readonly started = performance.now()
  private bar: cliProgress.SingleBar | null = null
  /** Steps of the trainings before. */
  private before = 0
  /** Steps taken by this process. */
  private taken = 0

  /** `total` counts the steps of all trainings. */
  constructor(total: number) {
    this.total = total
  }

  /** Counts the steps of another training in. */
  expect(steps: number): void {
    this.total += steps
    this.bar?.setTotal(this.total)
  }

  /** Shows one training, which comes after those before; `epochs` leaves a line behind for each epoch. */
  training(title: string, { epochs = false }: { readonly epochs?: boolean } = {}): Callback {
    return {
      onPrepare: (done, total) => this.show(`${title}  compiling ${done} of ${total}`),
      onStep: ({ step, epoch, loss }, run) => {
        this.taken++
        const done = this.before + step
        const speed = (this.taken / (performance.now() - this.started)) * 1000
        const pace = `${speed.toPrecision(3)} steps/s  ${duration((this.total - done) / speed)} left`
        const text = `epoch ${epoch} of ${run.totalEpochs}  loss ${loss.toFixed(4)}  ${pace}`
        this.show(`${title}  ${text}`, done, step === run.totalSteps)
      },
      onEpochEnd: (log, run) => {
        if (epochs) this.line(`${title}  epoch ${log.epoch} of ${run.totalEpochs}${measured(log)}`)
      },
      onFitEnd: (_, run) => {
        this.before += run.totalSteps
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

/** Seconds as `40 s`, `12 min` or `3.5 h`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}

function measured({ epoch: _, step: _step, lr: _lr, ...numbers }: EpochLog): string {
  return Object.entries(numbers)
    .map(([name, value]) => `  ${name} ${value?.toPrecision(4)}`)
    .join('')
}
