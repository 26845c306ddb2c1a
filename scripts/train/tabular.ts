import { readFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { logFile, openDevice } from '../../src/node.ts'
import { jsonLines } from '../../src/train/index.ts'
import { share, whole } from './common/options.ts'
import { TrainProgress } from './common/progress.ts'
import { readTable, type ScoreName, type TableTask, tableTasks } from './tables.ts'
import { mean, type Scores, stepsOf, type TableRun, trainTable } from './train-table.ts'

interface TabularOptions {
  set: string
  data: string
  seeds: number
  folds: number
  epochs?: number
  log?: string
  atLeast?: number
}

const label: Readonly<Record<ScoreName, string>> = {
  accuracy: 'accuracy',
  rocAuc: 'ROC AUC',
  averagePrecision: 'average precision',
}

/** `tabular`: networks for small tables, by cross-validation. */
export function tabularCommand(): Command {
  return new Command('tabular')
    .description(
      'Trains a small network on a public table, cross-validated: each row is tested with once for each seed.',
    )
    .addOption(new Option('--set <name>', 'which table').choices(Object.keys(tableTasks)).makeOptionMandatory())
    .requiredOption('--data <file>', 'its CSV file, without a header')
    .option('--seeds <n>', 'how many times to train, with other weights and orders', whole(1), 3)
    .option('--folds <n>', 'parts to test with in turn', whole(2), 5)
    .option('--epochs <n>', 'how often to see each row (default: what suits the table)', whole(1))
    .option('--log <file>', 'file to which each step is logged, as JSON lines')
    .option('--at-least <score>', 'fails where the mean score is lower', share)
    .action(tabular)
}

async function tabular(options: TabularOptions): Promise<void> {
  const task = tableTasks[options.set] as TableTask
  const csv = await readFile(options.data).catch((cause: Error) => {
    throw new Error(`tabular: ${options.data} cannot be read (${cause.message}); --data names a CSV file`, { cause })
  })
  const table = readTable(csv, task)
  const { folds, seeds, epochs = task.epochs } = options
  const runOf = (seed: number): TableRun => ({ folds, seed, epochs })
  const progress = new TrainProgress(seeds * stepsOf(table, task, runOf(0)))
  const device = await openDevice()
  const started = performance.now()
  try {
    progress.line(`Table: ${task.title}; ${table.labels.length} rows`)
    progress.line(`Adapter: ${device.info.description}${device.info.software ? ' (software)' : ''} in Node`)
    const log = options.log === undefined ? [] : [jsonLines(logFile(options.log))]
    const results: Scores[] = []
    for (let seed = 0; seed < seeds; seed++) {
      const scores = await trainTable(table, task, {
        ...runOf(seed),
        callbacks: (fold) => [progress.training(`seed ${seed}, fold ${fold + 1} of ${folds}`), ...log],
      })
      results.push(scores)
      progress.line(`seed ${seed}: ${lineOf(scores)}`)
    }
    const seconds = (performance.now() - started) / 1000
    report(task, results, seconds, (line) => progress.line(line))
    const reached = mean(results.map((scores) => scores[task.score] ?? 0))
    if (options.atLeast !== undefined && reached < options.atLeast)
      throw new Error(
        `tabular: ${label[task.score]} is ${reached.toFixed(4)}; at least ${options.atLeast} was asked for`,
      )
  } finally {
    progress.stop()
    device.close()
  }
}

function report(task: TableTask, results: readonly Scores[], seconds: number, line: (text: string) => void): void {
  const values = results.map((scores) => scores[task.score] ?? 0)
  const center = mean(values)
  const spread = Math.sqrt(values.reduce((sum, x) => sum + (x - center) ** 2, 0) / Math.max(1, values.length - 1))
  const runs = `${values.length} ${values.length === 1 ? 'seed' : 'seeds'}`
  line(`\n${label[task.score]}: ${center.toFixed(4)} +- ${spread.toFixed(4)} (${runs}); PyTorch ${task.pytorch}`)
  line(`Done in ${seconds.toFixed(0)} s`)
}

function lineOf(scores: Scores): string {
  return Object.entries(scores)
    .map(([name, value]) => `${label[name as ScoreName]} ${value.toFixed(4)}`)
    .join(', ')
}
