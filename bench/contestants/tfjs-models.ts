import * as tf from '@tensorflow/tfjs'
import { bert, block, momentum, normEps, stages } from '../models.ts'
import type { StepTask } from '../workload.ts'

/** Parameters by PyTorch's keys, in TensorFlow's layout. */
export type Weights = Readonly<Record<string, tf.Variable>>

type Forward = (x: tf.Tensor) => tf.Tensor

/** softmax(q kᵀ / √d) v over [batch, heads, sequence, d]. */
export function attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor {
  const scores = tf.mul(tf.matMul(q, k, false, true), (q.shape.at(-1) as number) ** -0.5)
  return tf.matMul(tf.softmax(scores), v)
}

/** Over the last axis. */
export function layerNorm(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true)
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, normEps))), weight), bias)
}

/** Over all axes but the last, with the batch's own statistics. */
export function batchNorm(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
): { y: tf.Tensor; mean: tf.Tensor; variance: tf.Tensor } {
  const { mean, variance } = tf.moments(
    x,
    x.shape.slice(0, -1).map((_, d) => d),
  )
  type Vector = tf.Tensor1D
  const y = tf.batchNorm(
    x as tf.Tensor4D,
    mean as Vector,
    variance as Vector,
    bias as Vector,
    weight as Vector,
    normEps,
  )
  return { y, mean, variance }
}

function gelu(x: tf.Tensor): tf.Tensor {
  const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.mul(x, tf.mul(x, x)))))
  return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(inner)))
}

/** A product of [..., in] with a weight [in, out]. */
function linear(weights: Weights, name: string, x: tf.Tensor): tf.Tensor {
  const weight = weights[`${name}.weight`] as tf.Tensor2D
  const bias = weights[`${name}.bias`]
  const flat = tf.reshape(x, [-1, weight.shape[0]]) as tf.Tensor2D
  const y = tf.fused.matMul({ a: flat, b: weight, ...(bias && { bias }) })
  return tf.reshape(y, [...x.shape.slice(0, -1), weight.shape[1]])
}

function normOf(weights: Weights, name: string, x: tf.Tensor): tf.Tensor {
  return layerNorm(x, weights[`${name}.weight`] as tf.Tensor, weights[`${name}.bias`] as tf.Tensor)
}

function attention(weights: Weights, name: string, heads: number, x: tf.Tensor): tf.Tensor {
  const [b, s, width] = x.shape as [number, number, number]
  const split = (part: string): tf.Tensor =>
    tf.transpose(tf.reshape(linear(weights, `${name}.${part}`, x), [b, s, heads, width / heads]), [0, 2, 1, 3])
  const y = attend(split('query'), split('key'), split('value'))
  return linear(weights, `${name}.out`, tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [b, s, width]))
}

function mlp(weights: Weights): Forward {
  return (x) => {
    const [first, second] = ['0', '2'].map((name) => (h: tf.Tensor) => {
      const bias = weights[`${name}.bias`] as tf.Tensor
      return tf.fused.matMul({
        a: h as tf.Tensor2D,
        b: weights[`${name}.weight`] as tf.Tensor2D,
        bias,
        activation: 'relu',
      })
    }) as [Forward, Forward]
    return linear(weights, '4', second(first(x)))
  }
}

function cnn(weights: Weights): Forward {
  const conv = (name: string, x: tf.Tensor): tf.Tensor =>
    tf.fused.conv2d({
      x: x as tf.Tensor4D,
      filter: weights[`${name}.weight`] as tf.Tensor4D,
      strides: 1,
      pad: 'same',
      bias: weights[`${name}.bias`] as tf.Tensor,
      activation: 'relu',
    })
  const pool = (x: tf.Tensor): tf.Tensor => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid')
  return (x) => {
    const y = pool(conv('3', pool(conv('0', x))))
    return linear(weights, '7', tf.reshape(y, [x.shape[0] as number, 1568]))
  }
}

function recurrent(weights: Weights, gates: 3 | 4, hidden: number): Forward {
  return (x) => {
    const [batch, time, features] = x.shape as [number, number, number]
    const recurrent = weights.weight_hh as tf.Tensor2D
    const flat = tf.reshape(x, [batch * time, features]) as tf.Tensor2D
    const projected = tf.fused.matMul({ a: flat, b: weights.weight_ih as tf.Tensor2D, bias: weights.bias as tf.Tensor })
    const inputs = tf.unstack(tf.reshape(projected, [batch, time, gates * hidden]), 1)
    let h: tf.Tensor = tf.zeros([batch, hidden])
    let c: tf.Tensor = tf.zeros([batch, hidden])
    for (const input of inputs) {
      if (gates === 4) {
        const all = tf.add(input, tf.matMul(h, recurrent))
        const [i, f, g, o] = tf.split(all, 4, 1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
        c = tf.add(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)))
        h = tf.mul(tf.sigmoid(o), tf.tanh(c))
      } else {
        const products = tf.matMul(h as tf.Tensor2D, recurrent)
        const [forGates, forNew] = tf.split(products, [2 * hidden, hidden], 1) as [tf.Tensor, tf.Tensor]
        const [fromGates, fromNew] = tf.split(input, [2 * hidden, hidden], 1) as [tf.Tensor, tf.Tensor]
        const [r, z] = tf.split(tf.sigmoid(tf.add(fromGates, forGates)), 2, 1) as [tf.Tensor, tf.Tensor]
        const n = tf.tanh(tf.add(fromNew, tf.mul(r, forNew)))
        h = tf.add(tf.mul(z, h), tf.mul(tf.sub(1, z), n))
      }
    }
    return linear(weights, 'head', h)
  }
}

function blockOf(weights: Weights): Forward {
  return (x) => {
    const y = tf.add(x, attention(weights, 'attention', block.heads, normOf(weights, 'norm1', x)))
    return tf.add(y, linear(weights, 'down', gelu(linear(weights, 'up', normOf(weights, 'norm2', y)))))
  }
}

function bertOf(weights: Weights): Forward {
  return (tokens) => {
    const [batch] = tokens.shape as [number]
    const embedded = tf.add(
      tf.gather(weights['word.weight'] as tf.Tensor, tokens as tf.Tensor2D),
      weights['position.weight'] as tf.Tensor,
    )
    let h = normOf(weights, 'norm', embedded)
    for (let l = 0; l < bert.layers; l++) {
      const name = `layers.${l}`
      const y = normOf(weights, `${name}.norm1`, tf.add(h, attention(weights, `${name}.attention`, bert.heads, h)))
      const inner = linear(weights, `${name}.down`, gelu(linear(weights, `${name}.up`, y)))
      h = normOf(weights, `${name}.norm2`, tf.add(y, inner))
    }
    const first = tf.reshape(tf.slice(h, [0, 0, 0], [batch, 1, bert.width]), [batch, bert.width])
    return linear(weights, 'classifier', tf.tanh(linear(weights, 'pooler', first)))
  }
}

function resnet18(weights: Weights, statistics: Record<string, tf.Variable>): Forward {
  const conv = (name: string, x: tf.Tensor, stride = 1): tf.Tensor => {
    const filter = weights[`${name}.weight`] as tf.Tensor4D
    const padding = (filter.shape[0] - 1) >> 1
    const around: [number, number] = [padding, padding]
    return tf.conv2d(x as tf.Tensor4D, filter, stride, [[0, 0], around, around, [0, 0]])
  }
  const track = (name: string, value: tf.Tensor, initial: number): void => {
    statistics[name] ??= tf.variable(tf.fill(value.shape, initial), false)
    const running = statistics[name] as tf.Variable
    running.assign(tf.add(tf.mul(running, 1 - momentum), tf.mul(value, momentum)))
  }
  const norm = (name: string, x: tf.Tensor): tf.Tensor => {
    const weight = weights[`${name}.weight`] as tf.Tensor
    const { y, mean, variance } = batchNorm(x, weight, weights[`${name}.bias`] as tf.Tensor)
    const count = x.size / weight.size
    track(`${name}.running_mean`, mean, 0)
    track(`${name}.running_var`, tf.mul(variance, count / (count - 1)), 1)
    return y
  }
  return (x) => {
    let h: tf.Tensor = tf.relu(norm('bn1', conv('conv1', x)))
    let from = 64
    stages.forEach(({ channels, stride }, s) => {
      for (let b = 0; b < 2; b++) {
        const name = `layer${s + 1}.${b}`
        const step = b === 0 ? stride : 1
        const inner = tf.relu(norm(`${name}.bn1`, conv(`${name}.conv1`, h, step)))
        const y = norm(`${name}.bn2`, conv(`${name}.conv2`, inner))
        const short = from === channels ? h : norm(`${name}.downsample.1`, conv(`${name}.downsample.0`, h, step))
        h = tf.relu(tf.add(y, short))
        from = channels
      }
    })
    return linear(weights, 'fc', tf.mean(h, [1, 2]))
  }
}

/** The forward pass of a training step; `statistics` takes BatchNorm's running ones. */
export function forwardOf(task: StepTask, weights: Weights, statistics: Record<string, tf.Variable>): Forward {
  const { model, hidden = 64 } = task
  switch (model) {
    case 'mlp':
      return mlp(weights)
    case 'cnn':
      return cnn(weights)
    case 'lstm':
      return recurrent(weights, 4, hidden)
    case 'gru':
      return recurrent(weights, 3, hidden)
    case 'block':
      return blockOf(weights)
    case 'bert':
      return bertOf(weights)
    case 'resnet18':
      return resnet18(weights, statistics)
  }
}
