import type { Command } from 'commander'
import { type Device, folderStore, logFile, openDevice } from '../../../src/node.ts'
import { type Callback, type CheckpointOptions, type CheckpointStore, jsonLines } from '../../../src/train/index.ts'
import { type Report, renderReport } from '../../report/report.ts'
import { addConfigOption } from './config.ts'
import { Curve } from './curve.ts'
import { claim, type Settings } from './kept.ts'
import { prepareOutput, writeOutput } from './output.ts'
import { TrainProgress } from './progress.ts'

/** What {@link addRunOptions} adds. */
export interface RunOptions {
  readonly checkpoint?: string
  readonly resume?: boolean
  readonly log?: string
  readonly report?: string
}

/** Adds what every training has: a file of options, checkpoints, a log and a report. */
export function addRunOptions(command: Command): Command {
  return addConfigOption(command)
    .option('--checkpoint <folder>', 'folder to keep the training in, after each epoch')
    .option('--resume', 'goes on with the training in the --checkpoint folder')
    .option('--log <file>', 'file to which each step is logged, as JSON lines')
    .option('--report <file>', 'file for a page with curves and results, HTML that needs no other file')
}

/** The options of a command that decide its training: those of the run, where they stood, and what becomes of the result, do not. */
export function decisive(options: RunOptions): Settings {
  const others = ['config', 'checkpoint', 'resume', 'log', 'report', 'save', 'atLeast', 'atMost']
  return Object.fromEntries(Object.entries(options).filter(([name]) => !others.includes(name)))
}

/** What is to run. */
export interface RunPlan {
  readonly system: string
  readonly options: RunOptions
  /** What decides the training: kept beside checkpoints, and compared when it is resumed. */
  readonly settings: Settings
  /** Settings that may differ when it is resumed; `epochs`, `steps` and `seeds` unless given. */
  readonly free?: readonly string[]
  /** Steps of all trainings together. */
  readonly steps: number
}

/** What `fit` is given for one training of a run. */
export interface TrainingParts {
  readonly callbacks: readonly Callback[]
  readonly checkpoint?: CheckpointOptions
  /** Its losses, for a report. */
  readonly curve: Curve
}

/** One run of a command: its device, and all that one wants to see and keep of its trainings. */
export class TrainRun {
  readonly device: Device
  readonly progress: TrainProgress
  private readonly plan: RunPlan
  private readonly store: CheckpointStore | null
  private readonly started = performance.now()

  private constructor(plan: RunPlan, device: Device, store: CheckpointStore | null) {
    this.plan = plan
    this.device = device
    this.store = store
    this.progress = new TrainProgress(plan.steps)
  }

  /** Opens a device, and the folder of checkpoints where there is to be one. */
  static async open(plan: RunPlan): Promise<TrainRun> {
    const { system, options, settings, free } = plan
    const { checkpoint: folder, resume = false } = options
    if (resume && folder === undefined)
      throw new Error(`${system}: --resume is given without --checkpoint; name the folder to go on from`)
    await prepareOutput(system, '--report', options.report)
    const store = folder === undefined ? null : folderStore(folder)
    if (store && folder !== undefined)
      await claim(store, folder, { system, settings }, { resume, ...(free && { free }) })
    const run = new TrainRun(plan, await openDevice(), store)
    run.line(`Adapter: ${run.adapter}`)
    return run
  }

  /** The adapter, and whether it is software. */
  get adapter(): string {
    const { description, software } = this.device.info
    return `${description}${software ? ' (software)' : ''} in Node`
  }

  /** Since the run began. */
  get seconds(): number {
    return (performance.now() - this.started) / 1000
  }

  /**
   * The parts for one training, `title` for people; `name` is that of its checkpoints, and must differ between trainings of a run.
   * `epochs` prints a line for each epoch.
   */
  training(
    title: string,
    { name = 'training', epochs = false }: { readonly name?: string; readonly epochs?: boolean } = {},
  ): TrainingParts {
    const { log } = this.plan.options
    const curve = new Curve()
    const onWarning = (message: string): void => this.line(message)
    return {
      curve,
      callbacks: [
        this.progress.training(title, { epochs }),
        curve,
        ...(log === undefined ? [] : [jsonLines(logFile(log), { name })]),
      ],
      ...(this.store && { checkpoint: { store: this.store, name, onWarning } }),
    }
  }

  /** Prints a line. */
  line(text: string): void {
    this.progress.line(text)
  }

  /** Writes the report where one was asked for, with adapter and time among its facts. */
  async report(make: () => Report): Promise<void> {
    const path = this.plan.options.report
    if (path === undefined) return
    const report = make()
    const facts: Report['facts'] = [
      ...report.facts,
      ['time', `${this.seconds.toFixed(0)} s`],
      ['adapter', this.adapter],
    ]
    await writeOutput(path, renderReport({ ...report, facts }))
    this.line(`Report: ${path}`)
  }

  close(): void {
    this.progress.stop()
    this.device.close()
  }
}
