import { ArrayDataset, DataLoader, Subset, stratifiedFolds } from '../../src/data/index.ts'
import { crossEntropy, manualSeed } from '../../src/index.ts'
import { Linear, type Module, ReLU, Sequential } from '../../src/nn/index.ts'
import { Adam } from '../../src/optim/index.ts'
import {
  accuracy,
  averagePrecision,
  type Callback,
  type CheckpointOptions,
  evaluate,
  fit,
  type Metrics,
  rocAuc,
} from '../../src/train/index.ts'
import { mean } from './common/statistics.ts'
import { prepare, type ScoreName, type Table, type TableTask } from './tables.ts'

/** Scores by name. */
export type Scores = Readonly<Partial<Record<ScoreName, number>>>

/** How a table is trained on. */
export interface TableRun {
  readonly folds: number
  readonly seed: number
  readonly epochs: number
  /** What `fit` is given for the training of a fold. */
  readonly training?: (fold: number) => {
    readonly callbacks: readonly Callback[]
    readonly checkpoint?: CheckpointOptions
  }
}

/** Steps that {@link trainTable} takes. */
export function stepsOf({ labels }: Table, task: TableTask, { folds, epochs }: TableRun): number {
  return (
    stratifiedFolds(labels, folds).reduce((sum, { train }) => sum + Math.ceil(train.length / task.batchSize), 0) *
    epochs
  )
}

/** Trains a network for each fold, on the others, and answers with the mean of the scores that they have on theirs. */
export async function trainTable(table: Table, task: TableTask, run: TableRun): Promise<Scores> {
  const { features, labels } = table
  const { batchSize, lr, classes } = task
  const all: Scores[] = []
  for (const [fold, { train, test }] of stratifiedFolds(labels, run.folds).entries()) {
    const rows = new ArrayDataset({
      x: prepare(features, train),
      y: { data: labels, shape: [labels.length], dtype: 'i32' },
    })
    const seed = run.seed * run.folds + fold
    const { callbacks, checkpoint } = run.training?.(fold) ?? { callbacks: [] }
    manualSeed(seed)
    const model = network(features.shape[1] ?? 0, task)
    await fit(model, new DataLoader(new Subset(rows, train), { batchSize, shuffle: true, seed }), {
      loss: (output, { y }) => crossEntropy(output, y),
      optimizer: new Adam(model.parameters(), { lr }),
      epochs: run.epochs,
      ...(checkpoint && { checkpoint }),
      callbacks,
    })
    const { loss: _, ...scores } = await evaluate(model, new DataLoader(new Subset(rows, test), { batchSize: 1024 }), {
      loss: (output, { y }) => crossEntropy(output, y),
      metrics: metricsFor(classes.length),
    })
    all.push(scores)
  }
  return Object.fromEntries(
    Object.keys(metricsFor(classes.length)).map((name) => [name, mean(all.map((s) => s[name as ScoreName] ?? 0))]),
  )
}

/** Linear layers with rectifiers between them. */
function network(features: number, { hidden, classes }: TableTask): Sequential {
  const widths = [features, ...hidden, classes.length]
  const layers = widths.slice(1).flatMap((width, i): Module[] => {
    const linear = new Linear(widths[i] as number, width)
    return i + 2 === widths.length ? [linear] : [linear, new ReLU()]
  })
  return new Sequential(...layers)
}

function metricsFor(classes: number): Metrics {
  return classes === 2
    ? { accuracy: accuracy(), rocAuc: rocAuc(), averagePrecision: averagePrecision() }
    : { accuracy: accuracy() }
}
