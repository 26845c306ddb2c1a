import { Command, Option } from 'commander'
import { lossSection, type Report } from '../report/report.ts'
import type { Curve } from './common/curve.ts'
import { digestOf } from './common/digest.ts'
import { share, whole } from './common/options.ts'
import { readNamed } from './common/read-named.ts'
import { addRunOptions, type RunOptions, TrainRun } from './common/run.ts'
import { mean, overSeeds } from './common/statistics.ts'
import { readTable, type ScoreName, type TableTask, tableTasks } from './tables.ts'
import { type Scores, stepsOf, type TableRun, trainTable } from './train-table.ts'

interface TabularOptions extends RunOptions {
  set: string
  data: string
  seeds: number
  folds: number
  epochs?: number
  atLeast?: number
}

const label: Readonly<Record<ScoreName, string>> = {
  accuracy: 'accuracy',
  rocAuc: 'ROC AUC',
  averagePrecision: 'average precision',
}

/** `tabular`: networks for small tables, by cross-validation. */
export function tabularCommand(): Command {
  const command = new Command('tabular')
    .description(
      'Trains a small network on a public table, cross-validated: each row is tested with once for each seed.',
    )
    .addOption(new Option('--set <name>', 'which table').choices(Object.keys(tableTasks)).makeOptionMandatory())
    .requiredOption('--data <file>', 'its CSV file, without a header')
    .option('--seeds <n>', 'how many times to train, with other weights and orders', whole(1), 3)
    .option('--folds <n>', 'parts to test with in turn', whole(2), 5)
    .option('--epochs <n>', 'how often to see each row (default: what suits the table)', whole(1))
    .option('--at-least <score>', 'fails where the mean score is lower', share)
    .action(tabular)
  return addRunOptions(command)
}

async function tabular(options: TabularOptions): Promise<void> {
  const task = tableTasks[options.set] as TableTask
  const csv = await readNamed('tabular', options.data, '--data names a CSV file')
  const table = readTable(csv, task)
  const { folds, seeds, epochs = task.epochs } = options
  const runOf = (seed: number): TableRun => ({ folds, seed, epochs })
  const run = await TrainRun.open({
    system: 'tabular',
    options,
    settings: { set: options.set, data: digestOf(csv), seeds, folds, epochs },
    steps: seeds * stepsOf(table, task, runOf(0)),
  })
  try {
    run.line(`Table: ${task.title}; ${table.labels.length} rows`)
    const results: Scores[] = []
    const curves: Curve[] = []
    for (let seed = 0; seed < seeds; seed++) {
      const scores = await trainTable(table, task, {
        ...runOf(seed),
        training: (fold) => {
          const title = `seed ${seed}, fold ${fold + 1} of ${folds}`
          const parts = run.training(title, { name: `seed-${seed}-fold-${fold}` })
          curves.push(parts.curve)
          return parts
        },
      })
      results.push(scores)
      run.line(`seed ${seed}: ${lineOf(scores)}`)
    }
    const reached = summary(task, results)
    run.line(`\n${reached.text}; PyTorch ${task.pytorch}`)
    run.line(`Done in ${run.seconds.toFixed(0)} s`)
    await run.report(() =>
      reportOf(task, results, { rows: table.labels.length, text: reached.text, curve: curves[0] as Curve }),
    )
    if (options.atLeast !== undefined && reached.mean < options.atLeast)
      throw new Error(
        `tabular: ${label[task.score]} is ${reached.mean.toFixed(4)}; at least ${options.atLeast} was asked for`,
      )
  } finally {
    run.close()
  }
}

/** The score that counts, over the seeds. */
function summary(task: TableTask, results: readonly Scores[]): { mean: number; text: string } {
  const values = results.map((scores) => scores[task.score] ?? 0)
  return { mean: mean(values), text: overSeeds(label[task.score], values) }
}

function reportOf(
  task: TableTask,
  results: readonly Scores[],
  { rows, text, curve }: { readonly rows: number; readonly text: string; readonly curve: Curve },
): Report {
  const names = Object.keys(results[0] ?? {}) as ScoreName[]
  const row = (scores: Scores, seed: number): string[] => [
    String(seed),
    ...names.map((name) => (scores[name] ?? 0).toFixed(4)),
  ]
  return {
    title: 'wgrad: a table',
    headline: text,
    subline: `${task.title}. Each of ${rows} rows is tested with once for each seed, by a network trained on the others.`,
    facts: [['PyTorch', String(task.pytorch)]],
    sections: [
      { title: 'Seeds', table: { head: ['seed', ...names.map((name) => label[name])], rows: results.map(row) } },
      { ...lossSection(curve.steps, curve.losses), note: 'Of the first network.' },
    ],
  }
}

function lineOf(scores: Scores): string {
  return Object.entries(scores)
    .map(([name, value]) => `${label[name as ScoreName]} ${value.toFixed(4)}`)
    .join(', ')
}
