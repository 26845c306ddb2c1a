import { lax, nn, numpy as np } from '@jax-js/jax'
import { bert, block, momentum, normEps, stages } from '../models.ts'
import type { StepTask } from '../workload.ts'

/** Parameters by PyTorch's keys; matrices are [in, out], convolution weights [out, in, h, w]. */
export type Weights = Record<string, np.Array>

/** What a forward pass gives: logits or values, and BatchNorm's running statistics. */
export interface Output {
  y: np.Array
  statistics: Weights
}

type Forward = (weights: Weights, statistics: Weights, x: np.Array) => Output

/** A weight for one more use. */
function take(weights: Weights, name: string): np.Array {
  return (weights[name] as np.Array).ref
}

/** Over the last axis. */
export function layerNorm(x: np.Array, weight: np.Array, bias: np.Array): np.Array {
  const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }))
  const variance = np.mean(np.square(centred.ref), -1, { keepdims: true })
  return centred
    .div(np.sqrt(variance.add(normEps)))
    .mul(weight)
    .add(bias)
}

/** Over the given axes, with the batch's own statistics; `weight` and `bias` broadcast. */
export function batchNorm(
  x: np.Array,
  weight: np.Array,
  bias: np.Array,
  axes: number[],
): { y: np.Array; mean: np.Array; variance: np.Array } {
  const mean = np.mean(x.ref, axes, { keepdims: true })
  const centred = x.sub(mean.ref)
  const variance = np.mean(np.square(centred.ref), axes, { keepdims: true })
  const y = centred
    .div(np.sqrt(variance.ref.add(normEps)))
    .mul(weight)
    .add(bias)
  return { y, mean, variance }
}

/** A product of [..., in] with a weight [in, out]. */
function linear(weights: Weights, name: string, x: np.Array): np.Array {
  const y = np.matmul(x, take(weights, `${name}.weight`))
  return weights[`${name}.bias`] ? y.add(take(weights, `${name}.bias`)) : y
}

function normOf(weights: Weights, name: string, x: np.Array): np.Array {
  return layerNorm(x, take(weights, `${name}.weight`), take(weights, `${name}.bias`))
}

function attention(weights: Weights, name: string, heads: number, x: np.Array): np.Array {
  const [b, s, width] = x.shape as [number, number, number]
  const split = (part: string, from: np.Array): np.Array =>
    linear(weights, `${name}.${part}`, from).reshape([b, s, heads, width / heads])
  const y = nn.dotProductAttention(split('query', x.ref), split('key', x.ref), split('value', x))
  return linear(weights, `${name}.out`, y.reshape([b, s, width]))
}

/** Pairs of pixels, then their maximum. */
function maxPool(x: np.Array): np.Array {
  const [n, c, h, w] = x.shape as [number, number, number, number]
  return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5])
}

function conv(weights: Weights, name: string, x: np.Array, stride = 1): np.Array {
  const weight = take(weights, `${name}.weight`)
  const padding = ((weight.shape[2] as number) - 1) >> 1
  const around: [number, number] = [padding, padding]
  const y = lax.convGeneralDilated(x, weight, [stride, stride], [around, around])
  const bias = weights[`${name}.bias`]
  return bias ? y.add(bias.ref.reshape([1, -1, 1, 1])) : y
}

const plain = (forward: (weights: Weights, x: np.Array) => np.Array): Forward => {
  return (weights, _statistics, x) => ({ y: forward(weights, x), statistics: {} })
}

const mlp = plain((weights, x) => {
  const hidden = nn.relu(linear(weights, '0', x))
  return linear(weights, '4', nn.relu(linear(weights, '2', hidden)))
})

const cnn = plain((weights, x) => {
  const first = maxPool(nn.relu(conv(weights, '0', x)))
  const second = maxPool(nn.relu(conv(weights, '3', first)))
  return linear(weights, '7', second.reshape([-1, 1568]))
})

const lstm = (hidden: number): Forward =>
  plain((weights, x) => {
    const [batch, time] = x.shape as [number, number]
    const projected = np.matmul(x, take(weights, 'weight_ih')).add(take(weights, 'bias'))
    let h = np.zeros([batch, hidden])
    let c = np.zeros([batch, hidden])
    for (const input of np.split(projected, time, 1)) {
      const all = input.reshape([batch, 4 * hidden]).add(np.matmul(h, take(weights, 'weight_hh')))
      const [i, f, g, o] = np.split(all, 4, 1) as [np.Array, np.Array, np.Array, np.Array]
      c = nn
        .sigmoid(f)
        .mul(c)
        .add(nn.sigmoid(i).mul(np.tanh(g)))
      h = nn.sigmoid(o).mul(np.tanh(c.ref))
    }
    c.dispose()
    return linear(weights, 'head', h)
  })

const gru = (hidden: number): Forward =>
  plain((weights, x) => {
    const [batch, time] = x.shape as [number, number]
    const projected = np.matmul(x, take(weights, 'weight_ih')).add(take(weights, 'bias'))
    let h = np.zeros([batch, hidden])
    for (const input of np.split(projected, time, 1)) {
      const [a, b] = np.split(input.reshape([batch, 3 * hidden]), [2 * hidden], 1) as [np.Array, np.Array]
      const products = np.matmul(h.ref, take(weights, 'weight_hh'))
      const [forGates, forNew] = np.split(products, [2 * hidden], 1) as [np.Array, np.Array]
      const [r, z] = np.split(nn.sigmoid(a.add(forGates)), 2, 1) as [np.Array, np.Array]
      const n = np.tanh(b.add(r.mul(forNew)))
      h = z.ref.mul(h).add(np.subtract(1, z).mul(n))
    }
    return linear(weights, 'head', h)
  })

const blockOf = plain((weights, x) => {
  const y = x.ref.add(attention(weights, 'attention', block.heads, normOf(weights, 'norm1', x)))
  const inner = nn.gelu(linear(weights, 'up', normOf(weights, 'norm2', y.ref)))
  return y.add(linear(weights, 'down', inner))
})

const bertOf = plain((weights, tokens) => {
  const [batch] = tokens.shape as [number]
  // jax-js has no gradient of gathering rows; a product with one-hot rows has one.
  const word = np.matmul(nn.oneHot(tokens, bert.vocabulary), take(weights, 'word.weight'))
  let h = normOf(weights, 'norm', word.add(take(weights, 'position.weight')))
  for (let l = 0; l < bert.layers; l++) {
    const name = `layers.${l}`
    const attended = attention(weights, `${name}.attention`, bert.heads, h.ref)
    const y = normOf(weights, `${name}.norm1`, h.add(attended))
    const inner = linear(weights, `${name}.down`, nn.gelu(linear(weights, `${name}.up`, y.ref)))
    h = normOf(weights, `${name}.norm2`, y.add(inner))
  }
  const [first, rest] = np.split(h, [1], 1) as [np.Array, np.Array]
  rest.dispose()
  return linear(weights, 'classifier', np.tanh(linear(weights, 'pooler', first.reshape([batch, bert.width]))))
})

const resnet18: Forward = (weights, statistics, x) => {
  const after: Weights = {}
  const track = (name: string, value: np.Array): void => {
    const before = take(statistics, name)
    after[name] = before.mul(1 - momentum).add(value.reshape(before.shape).mul(momentum))
  }
  const norm = (name: string, input: np.Array): np.Array => {
    const affine = (part: string): np.Array => take(weights, `${name}.${part}`).reshape([1, -1, 1, 1])
    const count = input.size / (input.shape[1] as number)
    const { y, mean, variance } = batchNorm(input, affine('weight'), affine('bias'), [0, 2, 3])
    track(`${name}.running_mean`, mean)
    track(`${name}.running_var`, variance.mul(count / (count - 1)))
    return y
  }
  let h = nn.relu(norm('bn1', conv(weights, 'conv1', x)))
  let from = 64
  stages.forEach(({ channels, stride }, s) => {
    for (let b = 0; b < 2; b++) {
      const name = `layer${s + 1}.${b}`
      const step = b === 0 ? stride : 1
      const inner = nn.relu(norm(`${name}.bn1`, conv(weights, `${name}.conv1`, h.ref, step)))
      const y = norm(`${name}.bn2`, conv(weights, `${name}.conv2`, inner))
      const short = from === channels ? h : norm(`${name}.downsample.1`, conv(weights, `${name}.downsample.0`, h, step))
      h = nn.relu(y.add(short))
      from = channels
    }
  })
  return { y: linear(weights, 'fc', np.mean(h, [2, 3])), statistics: after }
}

/** The forward pass of a training step; takes weights, running statistics and inputs, images as [n, c, h, w]. */
export function forwardOf({ model, hidden = 64 }: StepTask): Forward {
  switch (model) {
    case 'mlp':
      return mlp
    case 'cnn':
      return cnn
    case 'lstm':
      return lstm(hidden)
    case 'gru':
      return gru(hidden)
    case 'block':
      return blockOf
    case 'bert':
      return bertOf
    case 'resnet18':
      return resnet18
  }
}
