import { Command } from 'commander'
import type { NormalizerState } from '../../src/data/index.ts'
import { Autoencoder, clusteringAccuracy, DeepClustering, embed } from '../../src/models/index.ts'
import type { StateDict } from '../../src/nn/index.ts'
import { folderStore, openDevice } from '../../src/node.ts'
import { type CheckpointStore, readCheckpoint } from '../../src/train/index.ts'
import { settingsOf } from '../train/common/kept.ts'
import { whole } from '../train/common/options.ts'
import { prepareOutput, writeOutput } from '../train/common/output.ts'
import { readClusterSamples } from '../train/dec-data.ts'

interface PredictOptions {
  readonly checkpoint: string
  readonly data?: string
  readonly seed: number
  readonly out?: string
}

/** `dec`: the clusters of samples. */
export function decCommand(): Command {
  return new Command('dec')
    .description('Tells the clusters of samples, by a training of `npm run train -- dec`.')
    .requiredOption('--checkpoint <folder>', 'where the training was kept')
    .option('--data <path>', 'samples as the training had them: folder with the files of MNIST, or a CSV file')
    .option('--seed <n>', 'which of its trainings', whole(0), 0)
    .option('--out <file>', 'CSV file for the cluster of each sample, and how much it belongs to it')
    .action(predict)
}

async function predict({ checkpoint: folder, data, seed, out }: PredictOptions): Promise<void> {
  await prepareOutput('dec', '--out', out)
  const store = folderStore(folder)
  const { set, scaling } = (await settingsOf('dec', store, folder)) as { set: string; scaling: NormalizerState | null }
  const samples = await readClusterSamples(set, data, { say: console.log, ...(scaling && { scaling }) })
  const device = await openDevice()
  try {
    const model = await load(store, { folder, seed })
    const { assignments, clusters } = await embed(model, samples.data)
    const rows = Array.from({ length: samples.data.length }, (_, i) => {
      const row = assignments.subarray(i * clusters, (i + 1) * clusters)
      const share = Math.max(...row)
      return { cluster: row.indexOf(share), share }
    })
    const sizes = new Array<number>(clusters).fill(0)
    for (const { cluster } of rows) sizes[cluster] = (sizes[cluster] ?? 0) + 1
    const labels = rows.map(({ cluster }) => cluster)
    const isNamed = Array.from(samples.classes).every((name) => name >= 0)
    console.log(`${rows.length} samples: ${sizes.map((size, cluster) => `${size} in cluster ${cluster}`).join(', ')}`)
    if (isNamed) {
      const accuracy = clusteringAccuracy(labels, samples.classes)
      console.log(`Accuracy ${accuracy.toFixed(4)}, each cluster taken for the class that suits all best`)
    }
    if (out !== undefined) {
      const lines = rows.map(({ cluster, share }, i) => `${i},${cluster},${share.toFixed(4)}`)
      await writeOutput(out, `sample,cluster,share\n${lines.join('\n')}\n`)
      console.log(`Clusters: ${out}`)
    }
  } finally {
    device.close()
  }
}

/** The model of a checkpoint, whose layers are those of its weights. */
async function load(
  store: CheckpointStore,
  { folder, seed }: { readonly folder: string; readonly seed: number },
): Promise<DeepClustering> {
  const found = await readCheckpoint(store, `seed-${seed}-clusters`)
  if (!found) throw new Error(`dec: ${folder} has no clusters with seed ${seed}; name another --seed`)
  const model = new DeepClustering(new Autoencoder(widthsOf(found.model)), found.model.centers?.shape[0] ?? 0)
  model.loadStateDict(found.model)
  return model
}

/** Units of the inputs and of each layer of the encoder. */
function widthsOf(weights: StateDict): number[] {
  const layers = Object.entries(weights).filter(([key]) => /^autoencoder\.encoder\.\d+\.weight$/.test(key))
  const shapes = layers.map(([, { shape }]) => shape as readonly [number, number])
  return [shapes[0]?.[1] ?? 0, ...shapes.map(([width]) => width)]
}
