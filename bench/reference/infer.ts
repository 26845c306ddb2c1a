import { bertBase } from '../infer/models.ts'
import { type ImageOps, type TextOps, walkBert, walkResNet50 } from '../infer/walk.ts'
import { inputsOf, parametersOf } from '../inputs.ts'
import { normEps } from '../models.ts'
import type { Arrays, HostArray, InferTask } from '../workload.ts'
import { conv2d, layerNorm } from './layers.ts'
import { attend } from './models.ts'
import { add, leaf, matmul, permute, relu, reshape, tanh, type Value } from './tape.ts'

/** Results of a published model, in double precision. No gradients are asked for, so every operation has a tape of its own. */
export function inferred(task: InferTask): Readonly<Record<string, ArrayLike<number>>> {
  const weights = parametersOf(task)
  const { x } = inputsOf(task) as { x: HostArray }
  const input = leaf(x.shape, x.data)
  if (task.model === 'resnet50') return { logits: walkResNet50(imageOps(weights), input).data }
  const { hidden, pooled } = walkBert(textOps(weights), input, task.layers ?? bertBase.layers)
  return { hidden: hidden.data, pooled: pooled.data }
}

function taker(weights: Arrays): (name: string) => Value {
  return (name) => {
    const array = weights[name]
    if (!array) throw new Error(`bench: the model has no parameter ${name}`)
    return leaf(array.shape, array.data)
  }
}

function linearOf(take: (name: string) => Value): (x: Value, name: string) => Value {
  return (x, name) => add([], matmul([], x, take(`${name}.weight`), true), take(`${name}.bias`))
}

function imageOps(weights: Arrays): ImageOps<Value> {
  const take = taker(weights)
  const linear = linearOf(take)
  return {
    conv(x, conv, norm, { stride, relu: hasRelu }) {
      const weight = take(`${conv}.weight`)
      const y = conv2d([], x, weight, stride, ((weight.shape[2] as number) - 1) >> 1)
      const [scale, shift, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
        (part) => take(`${norm}.${part}`).data,
      ) as [Float64Array, Float64Array, Float64Array, Float64Array]
      const channels = scale.length
      const normed = y.data.map((v, i) => {
        const c = i % channels
        const hat = (v - (mean[c] as number)) / Math.sqrt((variance[c] as number) + normEps)
        return hat * (scale[c] as number) + (shift[c] as number)
      })
      const value = leaf(y.shape, normed)
      return hasRelu ? relu([], value) : value
    },
    maxPool,
    addRelu: (x, y) => relu([], add([], x, y)),
    head(x) {
      const [batch, height, width, channels] = x.shape as [number, number, number, number]
      const pixels = height * width
      const share = leaf([batch, 1, pixels], new Float64Array(batch * pixels).fill(1 / pixels))
      const pooled = matmul([], share, reshape([], x, [batch, pixels, channels]))
      return linear(reshape([], pooled, [batch, channels]), 'fc')
    },
    again: (x) => x,
  }
}

function maxPool(x: Value): Value {
  const [batch, height, width, channels] = x.shape as [number, number, number, number]
  const [rows, columns] = [Math.ceil(height / 2), Math.ceil(width / 2)]
  const y = new Float64Array(batch * rows * columns * channels).fill(Number.NEGATIVE_INFINITY)
  let to = 0
  for (let n = 0; n < batch; n++)
    for (let p = 0; p < rows; p++)
      for (let q = 0; q < columns; q++, to += channels)
        for (let h = Math.max(0, 2 * p - 1); h <= Math.min(height - 1, 2 * p + 1); h++)
          for (let w = Math.max(0, 2 * q - 1); w <= Math.min(width - 1, 2 * q + 1); w++)
            for (let c = 0; c < channels; c++) {
              const v = x.data[((n * height + h) * width + w) * channels + c] as number
              y[to + c] = Math.max(y[to + c] as number, v)
            }
  return leaf([batch, rows, columns, channels], y)
}

function textOps(weights: Arrays): TextOps<Value> {
  const take = taker(weights)
  const linear = linearOf(take)
  const { width, eps } = bertBase
  const row = (name: string, at: number): ArrayLike<number> =>
    (weights[`embeddings.${name}_embeddings.weight`] as HostArray).data.subarray(at * width, (at + 1) * width)
  return {
    embed(tokens) {
      const [batch, sequence] = tokens.shape as [number, number]
      const y = new Float64Array(batch * sequence * width)
      const type = row('token_type', 0)
      tokens.data.forEach((token, t) => {
        const [word, position] = [row('word', token), row('position', t % sequence)]
        for (let i = 0; i < width; i++)
          y[t * width + i] = (word[i] as number) + (position[i] as number) + (type[i] as number)
      })
      return leaf([batch, sequence, width], y)
    },
    linear,
    attend(q, k, v, heads) {
      const [batch, sequence] = q.shape as [number, number]
      const split = (x: Value): Value =>
        permute([], reshape([], x, [batch, sequence, heads, width / heads]), [0, 2, 1, 3])
      const y = attend([], split(q), split(k), split(v))
      return reshape([], permute([], y, [0, 2, 1, 3]), [batch, sequence, width])
    },
    add: (x, y) => add([], x, y),
    layerNorm: (x, name) => layerNorm([], x, take(`${name}.weight`), take(`${name}.bias`), eps),
    gelu: (x) =>
      leaf(
        x.shape,
        x.data.map((v) => (v * (1 + erf(v / Math.SQRT2))) / 2),
      ),
    pool(x, name) {
      const [batch, sequence] = x.shape as [number, number]
      const first = Float64Array.from(
        { length: batch * width },
        (_, i) => x.data[Math.floor(i / width) * sequence * width + (i % width)] as number,
      )
      return tanh([], linear(leaf([batch, width], first), name))
    },
    again: (x) => x,
  }
}

/** The error function by its Taylor series, whose terms stay small enough for 1e-11 where it differs from ±1 by more. */
function erf(x: number): number {
  if (Math.abs(x) > 4.5) return Math.sign(x)
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-17; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}
