import {
  add,
  type Compiled,
  type CompileOptions,
  compile,
  crossEntropy,
  matmul,
  type Spec,
  softmax,
  spec,
  type Tensor,
} from '../../src/index.ts'
import {
  BatchNorm2d,
  Conv2d,
  Embedding,
  Flatten,
  GELU,
  LayerNorm,
  Linear,
  MaxPool2d,
  type Module,
  ReLU,
  Sequential,
} from '../../src/nn/index.ts'
import { AdamW } from '../../src/optim/index.ts'

/** A model with a training step, and the specs of its batches. */
export interface HalfModel {
  readonly model: Module
  readonly specs: readonly [Spec, Spec]
  readonly train: (x: Tensor, y: Tensor) => { loss: Tensor; logits: Tensor }
}

function trained(model: Module, forward: (x: Tensor) => Tensor, specs: readonly [Spec, Spec]): HalfModel {
  const optimizer = new AdamW(model.parameters(), { lr: 2e-3 })
  return {
    model,
    specs,
    train: (x, y) => {
      const logits = forward(x)
      const loss = crossEntropy(logits, y)
      optimizer.minimize(loss)
      return { loss, logits }
    },
  }
}

/** Convolutions, batch norms and pooling, for images of 16 x 16. */
export function imageModel(batch: number): HalfModel {
  const block = (channels: number): Module[] => [
    new Conv2d(channels, 8, 3, { padding: 1 }),
    new BatchNorm2d(8),
    new ReLU(),
  ]
  const model = new Sequential(
    ...block(1),
    ...block(8),
    ...block(8),
    new Conv2d(8, 16, 3, { padding: 1, stride: 2 }),
    new BatchNorm2d(16),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(256, 32),
    new ReLU(),
    new Linear(32, 10),
  )
  return trained(model, (x) => model.forward(x), [spec([batch, 16, 16, 1]), spec([batch], 'i32')])
}

/** Attention and a feed-forward block over 16 tokens of 40 kinds. */
export function tokenModel(batch: number): HalfModel {
  const width = 32
  const [tokens, query, key, value, mixed] = [
    new Embedding(40, width),
    new Linear(width, width),
    new Linear(width, width),
    new Linear(width, width),
    new Sequential(new Linear(width, 4 * width), new GELU(), new Linear(4 * width, width)),
  ]
  const [first, last] = [new LayerNorm(width), new LayerNorm(width)]
  const head = new Linear(width, 10)
  const model = new Sequential(tokens, query, key, value, mixed, first, last, head)
  const forward = (ids: Tensor): Tensor => {
    const x = tokens.forward(ids)
    const h = first.forward(x)
    const scores = matmul(query.forward(h), key.forward(h), { transB: true }).mul(width ** -0.5)
    const attended = add(x, matmul(softmax(scores), value.forward(h)))
    return head.forward(add(attended, mixed.forward(last.forward(attended))).mean(1))
  }
  return trained(model, forward, [spec([batch, 16], 'i32'), spec([batch], 'i32')])
}

/** The model's step as one compiled function. */
export function stepOf(
  { train }: HalfModel,
  options: CompileOptions,
): Compiled<[Tensor, Tensor], { loss: Tensor; logits: Tensor }> {
  return compile((x: Tensor, y: Tensor) => train(x, y), options)
}
