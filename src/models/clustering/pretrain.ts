import type { Dataset } from '../../data/dataset.ts'
import { DataLoader } from '../../data/loader.ts'
import { fail } from '../../errors.ts'
import { noGrad, type Tensor } from '../../graph/tensor.ts'
import type { Parameter } from '../../nn/parameter.ts'
import { mseLoss } from '../../ops/loss.ts'
import { dropout } from '../../ops/random.ts'
import { relu } from '../../ops/unary.ts'
import { Adam } from '../../optim/adam.ts'
import { type FitOptimizer, type FitOptions, fit } from '../../train/fit.ts'
import type { History } from '../../train/history.ts'
import type { Autoencoder } from './autoencoder.ts'

/** What `fit` is given for a stage of {@link pretrainAutoencoder}. */
export type PretrainTraining = Pick<FitOptions<'x'>, 'callbacks' | 'checkpoint' | 'signal' | 'scheduler'>

/** Options of {@link pretrainAutoencoder}. */
export interface PretrainOptions {
  /** Epochs for the whole autoencoder. */
  readonly epochs: number
  /** Epochs before that for each layer alone, with its mirror, from the outermost inwards; 0 unless given. */
  readonly layerEpochs?: number
  /** Share of the inputs, and of the code, of a layer trained alone that is zeroed; 0.2 unless given. */
  readonly dropout?: number
  /** Samples in a batch; 256 unless given. */
  readonly batchSize?: number
  /** Decides the order of the samples; 0 unless given. */
  readonly seed?: number
  /** Makes the optimizer of a stage; Adam with a learning rate of 1e-3 unless given. */
  readonly optimizer?: (parameters: readonly Parameter[], stage: string) => FitOptimizer
  /** What `fit` is given for a stage: 'layer 1' and so on, then 'autoencoder'. Checkpoints need a name for each. */
  readonly training?: (stage: string, steps: number) => PretrainTraining
}

/**
 * Trains an autoencoder to reproduce its inputs, by the squared error. With `layerEpochs`, each layer first learns to undo dropout on
 * what the layers before make of the data (Vincent et al. 2010, as in section 3.2 of Xie et al. 2016).
 *
 * @param data Samples under `x`, [N, ...].
 * @returns The losses of each stage.
 */
export async function pretrainAutoencoder(
  model: Autoencoder,
  data: Dataset<'x'>,
  options: PretrainOptions,
): Promise<Record<string, History>> {
  const { epochs, layerEpochs = 0, batchSize = 256, seed = 0 } = options
  for (const [name, count] of Object.entries({ epochs, layerEpochs }))
    if (!Number.isInteger(count) || count < 0)
      fail('pretrainAutoencoder', `${name} is ${count}`, 'it must be a whole number, 0 or more')
  const stages = [
    ...(layerEpochs > 0 ? layerStages(model, layerEpochs, options.dropout) : []),
    { name: 'autoencoder', epochs, parameters: model.parameters(), loss: (x: Tensor) => reconstructionLoss(model, x) },
  ]
  const histories: Record<string, History> = {}
  for (const [i, stage] of stages.entries()) {
    const loader = new DataLoader(data, { batchSize, shuffle: true, seed: seed + i })
    const optimizer = options.optimizer?.(stage.parameters, stage.name) ?? new Adam(stage.parameters, { lr: 1e-3 })
    histories[stage.name] = await fit(model, loader, {
      ...options.training?.(stage.name, stage.epochs * loader.length),
      forward: ({ x }) => stage.loss(x),
      loss: (loss) => loss,
      optimizer,
      epochs: stage.epochs,
    })
  }
  return histories
}

/** Mean squared error of what an autoencoder makes of samples. Shape: [N, ...] -> []. */
export function reconstructionLoss(model: Autoencoder, x: Tensor): Tensor {
  return mseLoss(model.forward(x), model.flat(x))
}

interface Stage {
  readonly name: string
  readonly epochs: number
  readonly parameters: readonly Parameter[]
  readonly loss: (x: Tensor) => Tensor
}

/** Each layer with its mirror, on what the layers before make of samples. */
function layerStages(model: Autoencoder, epochs: number, share = 0.2): Stage[] {
  const pairs = model.pairs()
  return pairs.map(({ down, up }, i) => ({
    name: `layer ${i + 1}`,
    epochs,
    parameters: [...down.parameters(), ...up.parameters()],
    loss: (x) => {
      const inputs = noGrad(() => pairs.slice(0, i).reduce((h, pair) => relu(pair.down.forward(h)), model.flat(x)))
      // The code and the reconstruction of the data may take any value; all between is behind a rectifier.
      const bent = (h: Tensor, isOpen: boolean): Tensor => (isOpen ? h : relu(h))
      const code = bent(down.forward(dropout(inputs, share)), i === pairs.length - 1)
      return mseLoss(bent(up.forward(dropout(code, share)), i === 0), inputs)
    },
  }))
}
