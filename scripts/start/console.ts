import cliProgress from 'cli-progress'
import { count, percent, rate, size } from './format.ts'
import { finalAccuracy, type TrainEvent, type TrainResult } from './result.ts'

/** What the terminal shows while the job runs: one bar at a time where it is a terminal, lines where it is a file. */
export class Progress {
  #bar: cliProgress.SingleBar | null = null
  #task = ''

  /** A line of its own, above the bar. */
  line(text: string): void {
    this.stop()
    console.log(text)
  }

  download(file: string, received: number, total: number): void {
    this.#show(`download ${file}`, received, total, `${size(received)} of ${size(total)}`)
    if (received === total) this.stop()
  }

  event(event: TrainEvent): void {
    switch (event.kind) {
      case 'adapter':
        this.line(`Adapter: ${describeAdapter(event.adapter)}`)
        break
      case 'prepare':
        this.#show('compile', event.done, event.total, `${event.done} of ${event.total} pipelines`)
        break
      case 'step': {
        const speed = event.stepsPerSecond > 0 ? `${rate(event.stepsPerSecond)} steps/s` : ''
        this.#show(
          'train',
          event.step,
          event.steps,
          `step ${event.step} of ${event.steps}  loss ${event.loss.toFixed(4)}  ${speed}`,
        )
        break
      }
      case 'epoch': {
        const { loss, accuracy, seconds } = event.report
        this.line(
          `epoch ${event.epoch} of ${event.epochs}: loss ${loss.toFixed(4)}, test accuracy ${percent(accuracy)}, ${seconds.toFixed(1)} s`,
        )
      }
    }
  }

  /** Clears the bar away. */
  stop(): void {
    this.#bar?.stop()
    this.#bar = null
    this.#task = ''
  }

  #show(task: string, done: number, total: number, text: string): void {
    if (!process.stderr.isTTY) return
    if (this.#task !== task) {
      this.stop()
      this.#task = task
      this.#bar = new cliProgress.SingleBar(
        { clearOnComplete: true, hideCursor: true, format: render },
        cliProgress.Presets.rect,
      )
      this.#bar.start(total, done, { task, text })
    }
    this.#bar?.update(done, { task, text })
  }
}

function render(options: object, params: { progress: number }, payload: { task?: string; text?: string }): string {
  const bar = cliProgress.Format.BarFormat(params.progress, { ...options, barsize: 28 })
  return `${payload.task ?? ''} ${bar} ${payload.text ?? ''}`
}

/** Prints what was reached and what it took. */
export function printResult(result: TrainResult): void {
  const { perStep } = result
  const lines: [string, string][] = [
    ['test accuracy', `${(finalAccuracy(result) * 100).toFixed(2)} % of ${count(result.test)} digits`],
    ['adapter', describeAdapter(result.adapter)],
    ['speed', `${rate(result.stepsPerSecond)} steps per second, ${result.options.batchSize} digits each`],
    [
      'per step',
      `${plural(perStep.dispatches, 'dispatch', 'dispatches')}, ${plural(perStep.submits, 'submit', 'submits')}, ${size(perStep.bytes)} of memory traffic`,
    ],
    ['memory', `${size(perStep.peakBytes)} on the GPU at peak`],
  ]
  console.log()
  for (const [name, value] of lines) console.log(`${name.padEnd(14)} ${value}`)
  console.log(`\n${profileLines(result).join('\n')}`)
}

function profileLines({ profile }: TrainResult): string[] {
  const total = profile.reduce((sum, row) => sum + row.ms, 0)
  const width = Math.max(6, ...profile.map((row) => row.kernel.length))
  const rows = profile.map((row) => {
    const share = total > 0 ? percent(row.ms / total) : '–'
    const cells = [count(row.dispatches).padStart(10), row.ms.toFixed(3).padStart(9), share.padStart(8)]
    return `${row.kernel.padEnd(width)} ${cells.join(' ')}`
  })
  return [`${'kernel'.padEnd(width)} dispatches    GPU ms    share`, ...rows]
}

function plural(n: number, one: string, many: string): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

function describeAdapter({ name, software, where }: TrainResult['adapter']): string {
  return `${name}${software ? ' (software)' : ''} in ${where}`
}
