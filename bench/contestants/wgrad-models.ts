import {
  add,
  arange,
  gelu,
  globalAvgPool2d,
  matmul,
  mul,
  recurrent,
  relu,
  reshape,
  scaledDotProductAttention,
  slice,
  softmax,
  type Tensor,
  tanh,
  zeros,
} from '../../src/index.ts'
import {
  BatchNorm2d,
  Conv2d,
  Embedding,
  Flatten,
  LayerNorm,
  Linear,
  MaxPool2d,
  Module,
  Parameter,
  ReLU,
  Sequential,
} from '../../src/nn/index.ts'
import { bert, block, momentum, normEps, stages } from '../models.ts'
import type { StepTask } from '../workload.ts'

/** softmax(q kᵀ / √d) v over [batch, heads, sequence, d]. */
export function attend(q: Tensor, k: Tensor, v: Tensor): Tensor {
  const scores = mul(matmul(q, k, { transB: true }), (q.shape.at(-1) as number) ** -0.5)
  return matmul(softmax(scores), v)
}

class Attention extends Module {
  readonly query: Linear
  readonly key: Linear
  readonly value: Linear
  readonly out: Linear
  readonly #heads: number

  constructor(width: number, heads: number) {
    super()
    this.query = new Linear(width, width)
    this.key = new Linear(width, width, { bias: false })
    this.value = new Linear(width, width)
    this.out = new Linear(width, width)
    this.#heads = heads
  }

  override forward(x: Tensor): Tensor {
    const [b, s, width] = x.shape as [number, number, number]
    const split = (y: Tensor): Tensor => reshape(y, [b, s, this.#heads, width / this.#heads])
    const [q, k, v] = [this.query, this.key, this.value].map((part) => split(part.forward(x))) as [
      Tensor,
      Tensor,
      Tensor,
    ]
    return this.out.forward(reshape(scaledDotProductAttention(q, k, v), [b, s, width]))
  }
}

class Block extends Module {
  readonly norm1 = new LayerNorm(block.width, { eps: normEps })
  readonly attention = new Attention(block.width, block.heads)
  readonly norm2 = new LayerNorm(block.width, { eps: normEps })
  readonly up = new Linear(block.width, block.inner)
  readonly down = new Linear(block.inner, block.width)

  override forward(x: Tensor): Tensor {
    const y = add(x, this.attention.forward(this.norm1.forward(x)))
    return add(y, this.down.forward(gelu(this.up.forward(this.norm2.forward(y)), { approximate: 'tanh' })))
  }
}

class BertLayer extends Module {
  readonly attention = new Attention(bert.width, bert.heads)
  readonly norm1 = new LayerNorm(bert.width, { eps: normEps })
  readonly up = new Linear(bert.width, bert.inner)
  readonly down = new Linear(bert.inner, bert.width)
  readonly norm2 = new LayerNorm(bert.width, { eps: normEps })

  override forward(x: Tensor): Tensor {
    const y = this.norm1.forward(add(x, this.attention.forward(x)))
    return this.norm2.forward(add(y, this.down.forward(gelu(this.up.forward(y), { approximate: 'tanh' }))))
  }
}

class Bert extends Module {
  readonly word = new Embedding(bert.vocabulary, bert.width)
  readonly position: Embedding
  readonly norm = new LayerNorm(bert.width, { eps: normEps })
  readonly layers = Array.from({ length: bert.layers }, () => new BertLayer())
  readonly pooler = new Linear(bert.width, bert.width)
  readonly classifier = new Linear(bert.width, bert.classes)

  constructor(sequence: number) {
    super()
    this.position = new Embedding(sequence, bert.width)
  }

  override forward(tokens: Tensor): Tensor {
    const [batch, sequence] = tokens.shape as [number, number]
    const positions = this.position.forward(arange(sequence))
    let h = this.norm.forward(add(this.word.forward(tokens), positions))
    for (const layer of this.layers) h = layer.forward(h)
    const first = reshape(slice(h, [null, [0, 1]]), [batch, bert.width])
    return this.classifier.forward(tanh(this.pooler.forward(first)))
  }
}

/** An LSTM or GRU over [batch, time, features], its last state and a classifier. Gates are i, f, g, o and z, r, n. */
class Recurrent extends Module {
  readonly weightIh: Parameter
  readonly weightHh: Parameter
  readonly bias: Parameter
  readonly head: Linear
  readonly #gates: 3 | 4
  readonly #hidden: number

  constructor(gates: 3 | 4, hidden: number, inputs: number) {
    super()
    this.#gates = gates
    this.#hidden = hidden
    this.weightIh = new Parameter(zeros([gates * hidden, inputs]))
    this.weightHh = new Parameter(zeros([gates * hidden, hidden]))
    this.bias = new Parameter(zeros([gates * hidden]))
    this.head = new Linear(hidden, 10)
  }

  override forward(x: Tensor): Tensor {
    const projected = add(matmul(x, this.weightIh, { transB: true }), this.bias)
    const { last } = recurrent(this.#gates === 4 ? 'lstm' : 'gru', projected, this.weightHh)
    return this.head.forward(reshape(slice(last, [[0, 1]]), [x.shape[0] as number, this.#hidden]))
  }
}

const norm2d = (channels: number): BatchNorm2d => new BatchNorm2d(channels, { eps: normEps, momentum })

const conv = (from: number, to: number, kernel: number, stride = 1): Conv2d =>
  new Conv2d(from, to, kernel, { stride, padding: (kernel - 1) >> 1, bias: false })

class BasicBlock extends Module {
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly downsample: Sequential | null

  constructor(from: number, to: number, stride: number) {
    super()
    this.conv1 = conv(from, to, 3, stride)
    this.bn1 = norm2d(to)
    this.conv2 = conv(to, to, 3)
    this.bn2 = norm2d(to)
    this.downsample = from === to ? null : new Sequential(conv(from, to, 1, stride), norm2d(to))
  }

  override forward(x: Tensor): Tensor {
    const y = this.bn2.forward(this.conv2.forward(relu(this.bn1.forward(this.conv1.forward(x)))))
    return relu(add(y, this.downsample ? this.downsample.forward(x) : x))
  }
}

class ResNet18 extends Module {
  readonly conv1 = conv(3, 64, 3)
  readonly bn1 = norm2d(64)
  readonly layer1 = this.#stage(0)
  readonly layer2 = this.#stage(1)
  readonly layer3 = this.#stage(2)
  readonly layer4 = this.#stage(3)
  readonly fc = new Linear(512, 10)

  #stage(s: number): Sequential {
    const { channels, stride } = stages[s] as (typeof stages)[number]
    const from = stages[s - 1]?.channels ?? 64
    return new Sequential(new BasicBlock(from, channels, stride), new BasicBlock(channels, channels, 1))
  }

  override forward(x: Tensor): Tensor {
    let y = relu(this.bn1.forward(this.conv1.forward(x)))
    for (const stage of [this.layer1, this.layer2, this.layer3, this.layer4]) y = stage.forward(y)
    return this.fc.forward(reshape(globalAvgPool2d(y), [x.shape[0] as number, 512]))
  }
}

/** Builds the model of a training step. */
export function buildModel({ model, hidden = 64, inputs = hidden, sequence = 64 }: StepTask): Module {
  switch (model) {
    case 'mlp':
      return new Sequential(new Linear(784, 256), new ReLU(), new Linear(256, 256), new ReLU(), new Linear(256, 10))
    case 'cnn':
      return new Sequential(
        new Conv2d(1, 16, 3, { padding: 1 }),
        new ReLU(),
        new MaxPool2d(2),
        new Conv2d(16, 32, 3, { padding: 1 }),
        new ReLU(),
        new MaxPool2d(2),
        new Flatten(),
        new Linear(1568, 10),
      )
    case 'lstm':
      return new Recurrent(4, hidden, inputs)
    case 'gru':
      return new Recurrent(3, hidden, inputs)
    case 'block':
      return new Block()
    case 'bert':
      return new Bert(sequence)
    case 'resnet18':
      return new ResNet18()
  }
}
