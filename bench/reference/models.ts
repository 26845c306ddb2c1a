import { bert, block, modelOf, normEps, stages } from '../models.ts'
import type { StepTask } from '../workload.ts'
import { batchNorm, conv2d, crossEntropy, layerNorm, maxPool2, mse, softmax } from './layers.ts'
import {
  add,
  each,
  gelu,
  leaf,
  matmul,
  mul,
  permute,
  pick,
  relu,
  reshape,
  sigmoid,
  type Tape,
  tanh,
  type Value,
} from './tape.ts'

/** Parameters by PyTorch's keys, in PyTorch's layout. */
export type Weights = Readonly<Record<string, Value>>

class Builder {
  readonly tape: Tape = []
  readonly #weights: Weights

  constructor(weights: Weights) {
    this.#weights = weights
  }

  weight(name: string): Value {
    const value = this.#weights[name]
    if (!value) throw new Error(`bench: the model has no parameter ${name}`)
    return value
  }

  linear(name: string, x: Value): Value {
    const y = matmul(this.tape, x, this.weight(`${name}.weight`), true)
    return this.#weights[`${name}.bias`] ? add(this.tape, y, this.weight(`${name}.bias`)) : y
  }

  norm(name: string, x: Value): Value {
    return layerNorm(this.tape, x, this.weight(`${name}.weight`), this.weight(`${name}.bias`), normEps)
  }

  attention(name: string, heads: number, x: Value): Value {
    const { tape } = this
    const [b, s, width] = x.shape as [number, number, number]
    const split = (part: string): Value =>
      permute(tape, reshape(tape, this.linear(`${name}.${part}`, x), [b, s, heads, width / heads]), [0, 2, 1, 3])
    const y = attend(tape, split('query'), split('key'), split('value'))
    return this.linear(`${name}.out`, reshape(tape, permute(tape, y, [0, 2, 1, 3]), [b, s, width]))
  }

  conv(name: string, x: Value, stride = 1): Value {
    const w = this.weight(`${name}.weight`)
    const y = conv2d(this.tape, x, w, stride, ((w.shape[2] as number) - 1) >> 1)
    return this.#weights[`${name}.bias`] ? add(this.tape, y, this.weight(`${name}.bias`)) : y
  }

  convNorm(name: string, normName: string, x: Value, stride = 1): Value {
    const y = this.conv(name, x, stride)
    return batchNorm(this.tape, y, this.weight(`${normName}.weight`), this.weight(`${normName}.bias`), normEps)
  }
}

/** softmax(q kᵀ / √d) v over [batch, heads, sequence, d]. */
export function attend(tape: Tape, q: Value, k: Value, v: Value): Value {
  const scale = (q.shape.at(-1) as number) ** -0.5
  const scores = each(
    tape,
    matmul(tape, q, k, true),
    (s) => s * scale,
    () => scale,
  )
  return matmul(tape, softmax(tape, scores), v)
}

function recurrent(b: Builder, task: StepTask, x: Value): Value {
  const { tape } = b
  const [batch, time, features] = x.shape as [number, number, number]
  const gates = task.model === 'lstm' ? 4 : 3
  const hidden = task.hidden ?? 64
  const flat = reshape(tape, x, [batch * time, features])
  const projected = add(tape, matmul(tape, flat, b.weight('weight_ih'), true), b.weight('bias'))
  const weights = b.weight('weight_hh')
  const part = (v: Value, from: number, to: number): Value => {
    const width = v.shape[1] as number
    const taken = (to - from) * hidden
    return pick(tape, v, [batch, taken], (i) => Math.floor(i / taken) * width + from * hidden + (i % taken))
  }
  let h = leaf([batch, hidden], new Float64Array(batch * hidden))
  let c = leaf([batch, hidden], new Float64Array(batch * hidden))
  for (let t = 0; t < time; t++) {
    const width = gates * hidden
    const input = pick(tape, projected, [batch, width], (i) => (Math.floor(i / width) * time + t) * width + (i % width))
    const products = matmul(tape, h, weights, true)
    if (gates === 4) {
      const all = add(tape, input, products)
      const [i, f, g, o] = [0, 1, 2, 3].map((n) => part(all, n, n + 1)) as [Value, Value, Value, Value]
      const kept = mul(tape, sigmoid(tape, f), c)
      c = add(tape, kept, mul(tape, sigmoid(tape, i), tanh(tape, g)))
      h = mul(tape, sigmoid(tape, o), tanh(tape, c))
    } else {
      const all = sigmoid(tape, add(tape, part(input, 0, 2), part(products, 0, 2)))
      const [r, z] = [part(all, 0, 1), part(all, 1, 2)]
      const n = tanh(tape, add(tape, part(input, 2, 3), mul(tape, r, part(products, 2, 3))))
      const rest = each(
        tape,
        z,
        (v) => 1 - v,
        () => -1,
      )
      h = add(tape, mul(tape, z, h), mul(tape, rest, n))
    }
  }
  return b.linear('head', h)
}

function bertLogits(b: Builder, tokens: Value): Value {
  const { tape } = b
  const [batch, sequence] = tokens.shape as [number, number]
  const { width, layers, heads } = bert
  const word = b.weight('word.weight')
  const rows = pick(
    tape,
    word,
    [batch, sequence, width],
    (i) => (tokens.data[Math.floor(i / width)] as number) * width + (i % width),
  )
  let h = b.norm('norm', add(tape, rows, b.weight('position.weight')))
  for (let l = 0; l < layers; l++) {
    const name = `layers.${l}`
    const y = b.norm(`${name}.norm1`, add(tape, h, b.attention(`${name}.attention`, heads, h)))
    const inner = b.linear(`${name}.down`, gelu(tape, b.linear(`${name}.up`, y)))
    h = b.norm(`${name}.norm2`, add(tape, y, inner))
  }
  const first = pick(tape, h, [batch, width], (i) => Math.floor(i / width) * sequence * width + (i % width))
  return b.linear('classifier', tanh(tape, b.linear('pooler', first)))
}

function resnetLogits(b: Builder, x: Value): Value {
  const { tape } = b
  let h = relu(tape, b.convNorm('conv1', 'bn1', x))
  let from = 64
  stages.forEach(({ channels, stride }, s) => {
    for (let i = 0; i < 2; i++) {
      const name = `layer${s + 1}.${i}`
      const step = i === 0 ? stride : 1
      const inner = relu(tape, b.convNorm(`${name}.conv1`, `${name}.bn1`, h, step))
      const y = b.convNorm(`${name}.conv2`, `${name}.bn2`, inner)
      const short = from === channels ? h : b.convNorm(`${name}.downsample.0`, `${name}.downsample.1`, h, step)
      h = relu(tape, add(tape, y, short))
      from = channels
    }
  })
  const [batch, height, width, channels] = h.shape as [number, number, number, number]
  const pixels = height * width
  const share = leaf([batch, 1, pixels], new Float64Array(batch * pixels).fill(1 / pixels))
  const pooled = matmul(tape, share, reshape(tape, h, [batch, pixels, channels]))
  return b.linear('fc', reshape(tape, pooled, [batch, channels]))
}

function outputOf(b: Builder, task: StepTask, x: Value): Value {
  const { tape } = b
  switch (task.model) {
    case 'mlp':
      return b.linear('4', relu(tape, b.linear('2', relu(tape, b.linear('0', x)))))
    case 'cnn': {
      const first = maxPool2(tape, relu(tape, b.conv('0', x)))
      const second = maxPool2(tape, relu(tape, b.conv('3', first)))
      return b.linear('7', reshape(tape, permute(tape, second, [0, 3, 1, 2]), [task.batch, 1568]))
    }
    case 'lstm':
    case 'gru':
      return recurrent(b, task, x)
    case 'block': {
      const y = add(tape, x, b.attention('attention', block.heads, b.norm('norm1', x)))
      return add(tape, y, b.linear('down', gelu(tape, b.linear('up', b.norm('norm2', y)))))
    }
    case 'bert':
      return bertLogits(b, x)
    case 'resnet18':
      return resnetLogits(b, x)
  }
}

/** The loss of a training step and the tape that leads to it. */
export function lossOf(
  task: StepTask,
  weights: Weights,
  x: Value,
  y: ArrayLike<number>,
): { readonly tape: Tape; readonly loss: Value } {
  const builder = new Builder(weights)
  const output = outputOf(builder, task, x)
  const loss = modelOf(task).loss === 'mse' ? mse(builder.tape, output, y) : crossEntropy(builder.tape, output, y)
  return { tape: builder.tape, loss }
}
