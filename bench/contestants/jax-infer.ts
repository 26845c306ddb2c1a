import { lax, nn, numpy as np } from '@jax-js/jax'
import { bertBase, foldedNorms } from '../infer/models.ts'
import { type ImageOps, type TextOps, walkBert, walkResNet50 } from '../infer/walk.ts'
import { parametersOf } from '../inputs.ts'
import { normEps } from '../models.ts'
import type { Arrays, InferTask } from '../workload.ts'

type Take = (name: string) => np.Array

/** A published model as a function of its inputs and weights, to be compiled. */
export interface JaxInference {
  readonly names: readonly string[]
  /** In the order in which `run` takes them, after the input. */
  readonly weights: Arrays
  run(x: np.Array, weights: readonly np.Array[]): np.Array[]
}

/** The model of a task; every weight is used once. */
export function inference(task: InferTask): JaxInference {
  const weights = task.model === 'resnet50' ? foldedNorms(parametersOf(task), normEps) : parametersOf(task)
  const order = Object.fromEntries(Object.keys(weights).map((name, i) => [name, i]))
  const takerOf =
    (given: readonly np.Array[]): Take =>
    (name) =>
      given[order[name] as number] as np.Array
  if (task.model === 'resnet50')
    return { names: ['logits'], weights, run: (x, given) => [walkResNet50(imageOps(takerOf(given)), x)] }
  return {
    names: ['hidden', 'pooled'],
    weights,
    run(x, given) {
      const { hidden, pooled } = walkBert(textOps(takerOf(given)), x, task.layers ?? bertBase.layers)
      return [hidden, pooled]
    },
  }
}

/** With a weight [in, out]. */
function linear(take: Take, x: np.Array, name: string): np.Array {
  return np.matmul(x, take(`${name}.weight`)).add(take(`${name}.bias`))
}

/** Images are [n, c, h, w] here. */
function imageOps(take: Take): ImageOps<np.Array> {
  return {
    conv(x, conv, _norm, { stride, relu }) {
      const weight = take(`${conv}.weight`)
      const padding = ((weight.shape[2] as number) - 1) >> 1
      const around: [number, number] = [padding, padding]
      const y = lax.convGeneralDilated(x, weight, [stride, stride], [around, around])
      const biased = y.add(take(`${conv}.bias`).reshape([1, -1, 1, 1]))
      return relu ? nn.relu(biased) : biased
    },
    maxPool(x) {
      const none: [number, number] = [0, 0]
      // What is pooled has been through relu, so that zeros around it are never the maximum of more than zeros.
      const padded = np.pad(x, [none, none, [1, 1], [1, 1]])
      return lax.reduceWindow(padded, (window) => np.max(window), [1, 1, 3, 3], [1, 1, 2, 2])
    },
    addRelu: (x, y) => nn.relu(x.add(y)),
    head: (x) => linear(take, np.mean(x, [2, 3]), 'fc'),
    again: (x) => x.ref,
  }
}

function textOps(take: Take): TextOps<np.Array> {
  const { width, eps } = bertBase
  const table = (name: string): np.Array => take(`embeddings.${name}_embeddings.weight`)
  const rows = (name: string, count: number): np.Array => table(name).slice([0, count])
  return {
    embed(tokens) {
      const sequence = tokens.shape[1] as number
      return np.take(table('word'), tokens, 0).add(rows('position', sequence)).add(rows('token_type', 1))
    },
    linear: (x, name) => linear(take, x, name),
    attend(q, k, v, heads) {
      const shape = q.shape
      const [batch, sequence] = shape as [number, number]
      const [a, b, c] = [q, k, v].map((x) => x.reshape([batch, sequence, heads, width / heads])) as [
        np.Array,
        np.Array,
        np.Array,
      ]
      return nn.dotProductAttention(a, b, c).reshape([...shape])
    },
    add: (x, y) => x.add(y),
    layerNorm(x, name) {
      const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }))
      const variance = np.mean(np.square(centred.ref), -1, { keepdims: true })
      const normed = centred.div(np.sqrt(variance.add(eps)))
      return normed.mul(take(`${name}.weight`)).add(take(`${name}.bias`))
    },
    gelu: (x) => nn.gelu(x, { approximate: false }),
    pool(x, name) {
      const [batch] = x.shape as [number]
      const first = x.slice([], [0, 1]).reshape([batch, width])
      return np.tanh(linear(take, first, name))
    },
    again: (x) => x.ref,
  }
}
