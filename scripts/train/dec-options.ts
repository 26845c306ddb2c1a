import { Command, Option } from 'commander'
import { paperWidths } from '../../src/models/index.ts'
import { names, positive, share, whole } from './common/options.ts'
import { addRunOptions, type RunOptions } from './common/run.ts'
import { clusterSets } from './dec-data.ts'

/** How to train. */
export interface Recipe {
  /** Units of the layers behind the inputs, the code last. */
  readonly widths: readonly number[]
  /** Epochs for each layer alone. */
  readonly layerEpochs: number
  /** Epochs for the whole autoencoder. */
  readonly epochs: number
  readonly batchSize: number
  /** Steps between two updates of the targets. */
  readonly interval: number
  readonly maxSteps: number
}

/** Options of the command line; what a recipe says may be said otherwise. */
export interface DecOptions extends RunOptions, Partial<Recipe> {
  set: string
  data?: string
  clusters?: number
  recipe?: string
  gamma?: number
  tolerance: number
  lr: number
  restarts: number
  seeds: number
  firstSeed: number
  atLeast?: number
}

/**
 * `paper`: layers and layer-wise denoising of Xie et al. 2016, with Adam in place of their schedule of SGD. `small`: what a CPU that stands
 * in for a GPU does in minutes. `table`: for a handful of features.
 */
export const recipes: Readonly<Record<string, Recipe>> = {
  paper: { widths: paperWidths, layerEpochs: 50, epochs: 200, batchSize: 256, interval: 140, maxSteps: 20_000 },
  small: { widths: [256, 256, 512, 10], layerEpochs: 0, epochs: 30, batchSize: 256, interval: 140, maxSteps: 1400 },
  table: { widths: [32, 32, 3], layerEpochs: 0, epochs: 200, batchSize: 64, interval: 20, maxSteps: 1000 },
}

/** The command line of `dec`. */
export function decCommandLine(): Command {
  const command = new Command('dec')
    .description('Deep embedded clustering: groups samples without their classes, which only the scores see.')
    .addOption(new Option('--set <name>', 'what to cluster').choices(clusterSets).default('digits'))
    .option('--data <path>', 'folder with the files of MNIST (default: downloads them, or draws digits), or a CSV file')
    .option('--clusters <n>', 'how many clusters (default: as many as there are classes)', whole(2))
    .addOption(
      new Option(
        '--recipe <name>',
        "how to train (default: paper on GPUs, small on a CPU that stands in for one, 'table' for tables)",
      ).choices(Object.keys(recipes)),
    )
    .option('--widths <list>', 'units of the layers, the code last, such as 500,500,2000,10', widths)
    .option('--layer-epochs <n>', 'epochs for each layer alone, with dropout, before all train together', whole(0))
    .option('--epochs <n>', 'epochs for the autoencoder', whole(0))
    .option('--batch-size <n>', 'samples in a batch', whole(1))
    .option('--interval <steps>', 'steps between two updates of the targets', whole(1))
    .option('--max-steps <n>', 'the most steps of clustering', whole(1))
    .option(
      '--tolerance <share>',
      'ends when fewer samples have changed their cluster between two updates',
      share,
      0.001,
    )
    .option('--gamma <weight>', 'weight of the clustering beside the reconstruction (IDEC; 0.1 there)', positive)
    .option('--lr <rate>', 'learning rate of the clustering, SGD with momentum 0.9', positive, 0.01)
    .option('--restarts <n>', 'starts of k-means', whole(1), 20)
    .option('--seeds <n>', 'how many times to train, with other weights and orders', whole(1), 1)
    .option('--first-seed <n>', 'the first of them', whole(0), 0)
    .option('--at-least <accuracy>', 'fails where the mean accuracy is lower', share)
  return addRunOptions(command)
}

function widths(text: string): number[] {
  return names(text).map(whole(1))
}
