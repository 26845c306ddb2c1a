import type { Command } from 'commander'
import { manualSeed } from '../../src/index.ts'
import {
  Autoencoder,
  adjustedRandIndex,
  type ClusterUpdate,
  clusteringAccuracy,
  DeepClustering,
  normalizedMutualInformation,
  pretrainAutoencoder,
  trainClusters,
} from '../../src/models/index.ts'
import { SGD } from '../../src/optim/index.ts'
import { lossSection, type Report } from '../report/report.ts'
import type { Curve } from './common/curve.ts'
import { TrainRun } from './common/run.ts'
import { mean } from './common/statistics.ts'
import { type ClusterSamples, readClusterSamples } from './dec-data.ts'
import { type DecOptions, decCommandLine, type Recipe, recipes } from './dec-options.ts'

/** Scores of a clustering. */
interface Scores {
  readonly accuracy: number
  readonly nmi: number
  readonly ari: number
}

/** What a seed came to. */
interface SeedResult {
  readonly seed: number
  /** Of k-means among the codes, where the clustering begins. */
  readonly before: Scores
  readonly after: Scores
  readonly steps: number
  /** Losses of the autoencoder, and of the clusters. */
  readonly pretraining: Curve
  readonly clustering: Curve
}

/** `dec`: deep embedded clustering. */
export function decCommand(): Command {
  return decCommandLine().action(dec)
}

async function dec(options: DecOptions): Promise<void> {
  const samples = await readClusterSamples(options.set, options.data, { say: console.log })
  const clusters = options.clusters ?? samples.count
  const { seeds, firstSeed } = options
  const run = await TrainRun.open({
    system: 'dec',
    options,
    settings: {
      ...{ set: options.set, data: samples.digest, clusters, scaling: samples.scaling ?? null },
      ...kept(options),
    },
    // More epochs of the autoencoder would be of no use: the clusters go on from their own checkpoint.
    free: ['seeds'],
    steps: 0,
  })
  try {
    const recipe = recipeOf(options, run)
    run.line(`Samples: ${samples.title}; ${clusters} clusters, layers ${recipe.widths.join('-')}`)
    const results: SeedResult[] = []
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const result = await trainSeed(samples, { options, recipe, clusters, seed, run })
      results.push(result)
      run.line(
        `seed ${seed}: k-means among codes ${shown(result.before)}; after ${result.steps} steps ${shown(result.after)}`,
      )
    }
    const reached = mean(results.map(({ after }) => after.accuracy))
    const began = mean(results.map(({ before }) => before.accuracy))
    const nmi = mean(results.map(({ after }) => after.nmi))
    run.line(
      `\nMean of ${seeds}: accuracy ${reached.toFixed(4)} (k-means among codes ${began.toFixed(4)}), NMI ${nmi.toFixed(4)}`,
    )
    run.line(`Done in ${run.seconds.toFixed(0)} s`)
    await run.report(() => reportOf(samples, results, recipe))
    if (options.atLeast !== undefined && reached < options.atLeast)
      throw new Error(`dec: accuracy is ${reached.toFixed(4)}; at least ${options.atLeast} was asked for`)
  } finally {
    run.close()
  }
}

interface SeedTask {
  readonly options: DecOptions
  readonly recipe: Recipe
  readonly clusters: number
  readonly seed: number
  readonly run: TrainRun
}

async function trainSeed(samples: ClusterSamples, task: SeedTask): Promise<SeedResult> {
  const { options, recipe, clusters, seed, run } = task
  manualSeed(seed)
  const autoencoder = new Autoencoder([samples.features, ...recipe.widths])
  let pretraining: Curve | null = null
  await pretrainAutoencoder(autoencoder, samples.data, {
    ...recipe,
    seed,
    training: (stage, steps) => {
      run.progress.expect(steps)
      const parts = run.training(`seed ${seed}, ${stage}`, { name: `seed-${seed}-${stage.replace(' ', '-')}` })
      pretraining = parts.curve
      return parts
    },
  })
  const model = new DeepClustering(autoencoder, clusters)
  run.progress.expect(recipe.maxSteps)
  const { checkpoint, callbacks, curve } = run.training(`seed ${seed}, clusters`, { name: `seed-${seed}-clusters` })
  let before: Scores | null = null
  const { labels, steps } = await trainClusters(model, samples.data, {
    ...recipe,
    seed,
    tolerance: options.tolerance,
    restarts: options.restarts,
    optimizer: (parameters) => new SGD(parameters, { lr: options.lr, momentum: 0.9 }),
    ...(options.gamma !== undefined && { gamma: options.gamma }),
    ...(checkpoint && { checkpoint }),
    callbacks,
    onUpdate: (update) => {
      const scores = scoresOf(update.labels, samples.classes)
      before ??= scoresOf(update.firstLabels, samples.classes)
      run.line(`seed ${seed}, step ${update.step}: ${told(update)}${shown(scores)}`)
    },
  })
  const after = scoresOf(labels, samples.classes)
  return {
    seed,
    before: before ?? after,
    after,
    steps,
    pretraining: pretraining as unknown as Curve,
    clustering: curve,
  }
}

function told({ changed, loss }: ClusterUpdate): string {
  return changed === null || loss === null ? '' : `loss ${loss.toFixed(4)}, ${(100 * changed).toFixed(2)} % changed; `
}

/** The recipe with what the command line says otherwise. */
function recipeOf(options: DecOptions, run: TrainRun): Recipe {
  const usual = options.set !== 'digits' ? 'table' : run.device.info.software ? 'small' : 'paper'
  const recipe = recipes[options.recipe ?? usual] as Recipe
  const said = Object.keys(recipe).flatMap((name) => {
    const value = options[name as keyof Recipe]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...recipe, ...Object.fromEntries(said) }
}

/** What must be the same when a training goes on. */
function kept({
  recipe,
  widths,
  layerEpochs,
  epochs,
  batchSize,
  interval,
  gamma,
  lr,
  firstSeed,
}: DecOptions): Record<string, unknown> {
  return { recipe, widths, layerEpochs, epochs, batchSize, interval, gamma, lr, firstSeed }
}

function scoresOf(labels: ArrayLike<number>, classes: ArrayLike<number>): Scores {
  return {
    accuracy: clusteringAccuracy(labels, classes),
    nmi: normalizedMutualInformation(labels, classes),
    ari: adjustedRandIndex(labels, classes),
  }
}

function shown({ accuracy, nmi, ari }: Scores): string {
  return `accuracy ${accuracy.toFixed(4)}, NMI ${nmi.toFixed(4)}, ARI ${ari.toFixed(4)}`
}

function reportOf(samples: ClusterSamples, results: readonly SeedResult[], recipe: Recipe): Report {
  const cells = ({ accuracy, nmi, ari }: Scores): string[] => [accuracy, nmi, ari].map((value) => value.toFixed(4))
  const [first] = results as [SeedResult]
  return {
    title: 'wgrad: clusters',
    headline: `Accuracy ${mean(results.map(({ after }) => after.accuracy)).toFixed(4)}`,
    subline: `${samples.title}: deep embedded clustering (Xie et al. 2016), begun from k-means among the codes of an autoencoder.`,
    facts: [
      ['layers', recipe.widths.join('-')],
      ['samples', samples.data.length.toLocaleString('en')],
      ['epochs of the autoencoder', String(recipe.epochs)],
    ],
    sections: [
      {
        title: 'Scores',
        note: 'Accuracy under the best matching of clusters to classes, normalized mutual information, adjusted Rand index.',
        table: {
          head: ['seed', 'stage', 'accuracy', 'NMI', 'ARI'],
          rows: results.flatMap(({ seed, before, after, steps }) => [
            [String(seed), 'k-means among codes', ...cells(before)],
            [String(seed), `after ${steps} steps`, ...cells(after)],
          ]),
        },
      },
      lossSection(first.pretraining.steps, first.pretraining.losses),
      { ...lossSection(first.clustering.steps, first.clustering.losses), title: 'Loss of the clusters' },
    ],
  }
}
