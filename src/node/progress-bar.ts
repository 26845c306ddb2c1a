import { fail } from '../errors.ts'

/** Where a bar is drawn, such as `process.stderr`. */
export interface ProgressStream {
  /** Whether it is a terminal, where a line can be drawn over. */
  readonly isTTY?: boolean
  /** Adds text. */
  write(text: string): unknown
}

/** A callback of `fit` that shows how far a training is. */
export interface ProgressBar {
  /** Shows how many pipelines are compiled. */
  onPrepare(done: number, total: number): void
  /** Moves the bar on. */
  onStep(log: { step: number; epoch: number; loss: number }, run: { totalSteps: number; totalEpochs: number }): void
  /** Leaves a line behind. */
  onEpochEnd(log: { readonly [name: string]: number | undefined }, run: { totalEpochs: number }): void
  /** Clears the bar away. */
  onFitEnd(): void
}

/** The part of the package cli-progress that is used here. */
interface Bar {
  start(total: number, value: number, payload: { text: string }): void
  update(value: number, payload: { text: string }): void
  stop(): void
}
interface CliProgress {
  SingleBar: new (options: object, preset: object) => Bar
  Presets: { rect: object }
}

/**
 * A progress bar for the terminal, through the optional package `cli-progress`: a callback for `fit` that shows the step, the
 * loss, steps a second and the time left, and leaves a line behind for each epoch with its loss and metrics. Where `stream` is no
 * terminal there is no bar, only the lines.
 *
 * @example await fit(model, loader, { …, callbacks: [await progressBar()] })
 * @throws WgradError where the stream is a terminal and `cli-progress` is not installed.
 */
export async function progressBar(options: { readonly stream?: ProgressStream } = {}): Promise<ProgressBar> {
  const { stream = process.stderr } = options
  const library = stream.isTTY ? await loadLibrary() : null
  let bar: Bar | null = null
  let began = 0
  let first = 0
  const show = (done: number, total: number, text: string): void => {
    if (!library) return
    if (!bar) {
      const format = ' {bar} {percentage} %  {text}'
      const looks = { format, stream, clearOnComplete: true, hideCursor: true, barsize: 24, fps: 10 }
      bar = new library.SingleBar(looks, library.Presets.rect)
      bar.start(total, done, { text })
    }
    bar.update(done, { text })
  }
  const clear = (): void => {
    bar?.stop()
    bar = null
  }
  return {
    onPrepare(done, total) {
      show(done, total, `compiling ${done} of ${total}`)
      if (done === total) clear()
    },
    onStep({ step, epoch, loss }, { totalSteps, totalEpochs }) {
      if (began === 0) {
        began = performance.now()
        first = step
      }
      const taken = step - first
      const speed = (taken / (performance.now() - began)) * 1000
      const pace = taken > 0 ? `  ${speed.toPrecision(3)} steps/s  ${duration((totalSteps - step) / speed)} left` : ''
      show(step, totalSteps, `epoch ${epoch} of ${totalEpochs}  loss ${loss.toFixed(4)}${pace}`)
    },
    onEpochEnd({ epoch, step: _step, lr: _lr, ...measured }, { totalEpochs }) {
      clear()
      const numbers = Object.entries(measured).map(([name, value]) => `  ${name} ${value?.toPrecision(4)}`)
      stream.write(`epoch ${epoch} of ${totalEpochs}${numbers.join('')}\n`)
    },
    onFitEnd: clear,
  }
}

/** Seconds as `1:02:03`, `2:03` or `3 s`. */
function duration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const two = (n: number): string => String(n).padStart(2, '0')
  const minutes = Math.floor(whole / 60)
  const tail = two(whole % 60)
  return minutes < 60 ? `${minutes}:${tail}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${tail}`
}

async function loadLibrary(): Promise<CliProgress> {
  const name = 'cli-progress'
  try {
    return ((await import(/* @vite-ignore */ name)) as { default: CliProgress }).default
  } catch (error) {
    return fail(
      'progressBar',
      `cannot load the package cli-progress (${(error as Error).message.split('\n')[0]})`,
      'it is an optional part of wgrad that draws bars: npm install cli-progress',
    )
  }
}
