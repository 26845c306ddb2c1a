import { type Tensor, tensor } from '../../src/index.ts'
import * as nn from '../../src/nn/index.ts'
import { batchOf, channelsLast, type Manifest } from './golden.ts'

/** Token and position embedding, a GELU feed-forward with residual and LayerNorm, the mean over time, a classifier. */
class Block extends nn.Module {
  readonly embedding = new nn.Embedding(50, 16)
  readonly positions = new nn.Embedding(7, 16)
  readonly up = new nn.Linear(16, 32)
  readonly act = new nn.GELU({ approximate: 'tanh' })
  readonly down = new nn.Linear(32, 16)
  readonly norm = new nn.LayerNorm(16)
  readonly head = new nn.Linear(16, 5)
  readonly #time = tensor(Int32Array.of(0, 1, 2, 3, 4, 5, 6), { shape: [7] })

  forward(tokens: Tensor): Tensor {
    const h = this.embedding.forward(tokens).add(this.positions.forward(this.#time))
    const mixed = this.norm.forward(h.add(this.down.forward(this.act.forward(this.up.forward(h)))))
    return this.head.forward(mixed.mean([1]))
  }
}

const builders: Record<string, () => nn.Module> = {
  mlp: () =>
    new nn.Sequential(
      new nn.Linear(20, 32),
      new nn.ReLU(),
      new nn.Linear(32, 32),
      new nn.ReLU(),
      new nn.Linear(32, 10),
    ),
  cnn: () =>
    new nn.Sequential(
      new nn.Conv2d(3, 8, 3, { padding: 1 }),
      new nn.BatchNorm2d(8),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Conv2d(8, 16, 3, { stride: 2, padding: 1 }),
      new nn.BatchNorm2d(16),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Linear(64, 10),
    ),
  block: () => new Block(),
}

/** The model that generate.py builds under this name. */
export function buildModel(name: string): nn.Module {
  const build = builders[name]
  if (build === undefined) throw new Error(`no golden model is called ${name}`)
  return build()
}

/** Batch `t` on the device, images as [n, h, w, c]. */
export function batchTensors(golden: Manifest, t: number, requiresGrad = false): { x: Tensor; y: Tensor } {
  const { x, y } = batchOf(golden, t)
  const shape = [golden.batch, ...golden.input.shape]
  const images = x instanceof Float32Array && shape.length === 4
  const [n = 1, c = 1, h = 1, w = 1] = shape
  return {
    x: images
      ? tensor(channelsLast(x, shape), { shape: [n, h, w, c], requiresGrad })
      : tensor(x, { shape, requiresGrad: requiresGrad && x instanceof Float32Array }),
    y: tensor(y, { shape: [golden.batch] }),
  }
}
