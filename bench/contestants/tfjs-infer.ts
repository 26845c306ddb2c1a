import * as tf from '@tensorflow/tfjs'
import { bertBase, foldedNorms } from '../infer/models.ts'
import { type ImageOps, type TextOps, walkBert, walkResNet50 } from '../infer/walk.ts'
import { parametersOf } from '../inputs.ts'
import { permuteHost, permuteShape } from '../layout.ts'
import { normEps } from '../models.ts'
import type { Arrays, InferTask } from '../workload.ts'
import { attend } from './tfjs-models.ts'

type Take = (name: string) => tf.Tensor

/** A published model, its weights as a converter would give them: the names of its results, and what makes them. */
export function inference(
  task: InferTask,
  x: tf.Tensor,
): { names: readonly string[]; run(): tf.Tensor[]; close(): void } {
  const weights = uploadAll(task.model === 'resnet50' ? foldedNorms(parametersOf(task), normEps) : parametersOf(task))
  const take: Take = (name) => weights[name] as tf.Tensor
  const close = (): void => tf.dispose(weights)
  if (task.model === 'resnet50') return { names: ['logits'], run: () => [walkResNet50(imageOps(take), x)], close }
  return {
    names: ['hidden', 'pooled'],
    run() {
      const { hidden, pooled } = walkBert(textOps(take), x, task.layers ?? bertBase.layers)
      return [hidden, pooled]
    },
    close,
  }
}

/** Convolution weights are [h, w, in, out] here and matrices [in, out]; tables of embeddings stay. */
function uploadAll(arrays: Arrays): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, { shape, data }]) => {
      const axes =
        shape.length === 4 ? [2, 3, 1, 0] : shape.length === 2 && !name.includes('embeddings') ? [1, 0] : null
      const tensor = axes
        ? tf.tensor(permuteHost(data, shape, axes), permuteShape(shape, axes))
        : tf.tensor(data, [...shape])
      return [name, tensor]
    }),
  )
}

function linear(take: Take, x: tf.Tensor, name: string): tf.Tensor {
  const b = take(`${name}.weight`) as tf.Tensor2D
  const a = tf.reshape(x, [-1, b.shape[0]]) as tf.Tensor2D
  return tf.reshape(tf.fused.matMul({ a, b, bias: take(`${name}.bias`) }), [...x.shape.slice(0, -1), b.shape[1]])
}

function imageOps(take: Take): ImageOps<tf.Tensor> {
  return {
    conv(x, conv, _norm, { stride, relu }) {
      const filter = take(`${conv}.weight`) as tf.Tensor4D
      const pad = (filter.shape[0] - 1) >> 1
      return tf.fused.conv2d({
        x: x as tf.Tensor4D,
        filter,
        strides: stride,
        pad,
        dimRoundingMode: 'floor',
        bias: take(`${conv}.bias`),
        activation: relu ? 'relu' : 'linear',
      })
    },
    maxPool: (x) => tf.maxPool(x as tf.Tensor4D, 3, 2, 1, 'floor'),
    addRelu: (x, y) => tf.relu(tf.add(x, y)),
    head: (x) => linear(take, tf.mean(x, [1, 2]), 'fc'),
    again: (x) => x,
  }
}

function textOps(take: Take): TextOps<tf.Tensor> {
  const { width, eps } = bertBase
  const table = (name: string): tf.Tensor => take(`embeddings.${name}_embeddings.weight`)
  return {
    embed(tokens) {
      const sequence = tokens.shape[1] as number
      const positions = tf.slice(table('position') as tf.Tensor2D, [0, 0], [sequence, width])
      const type = tf.slice(table('token_type') as tf.Tensor2D, [0, 0], [1, width])
      return tf.add(tf.add(tf.gather(table('word'), tokens as tf.Tensor2D), positions), type)
    },
    linear: (x, name) => linear(take, x, name),
    attend(q, k, v, heads) {
      const [batch, sequence] = q.shape as [number, number]
      const split = (x: tf.Tensor): tf.Tensor =>
        tf.transpose(tf.reshape(x, [batch, sequence, heads, width / heads]), [0, 2, 1, 3])
      return tf.reshape(tf.transpose(attend(split(q), split(k), split(v)), [0, 2, 1, 3]), q.shape)
    },
    add: (x, y) => tf.add(x, y),
    layerNorm(x, name) {
      const { mean, variance } = tf.moments(x, -1, true)
      const scale = tf.mul(tf.rsqrt(tf.add(variance, eps)), take(`${name}.weight`))
      return tf.add(tf.mul(tf.sub(x, mean), scale), take(`${name}.bias`))
    },
    gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
    pool(x, name) {
      const [batch] = x.shape as [number]
      const first = tf.reshape(tf.slice(x as tf.Tensor3D, [0, 0, 0], [batch, 1, width]), [batch, width])
      return tf.tanh(linear(take, first, name))
    },
    again: (x) => x,
  }
}
