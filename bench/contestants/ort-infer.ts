import { bertBase, foldedNorms, inferenceOf } from '../infer/models.ts'
import { type ImageOps, type TextOps, walkBert, walkResNet50 } from '../infer/walk.ts'
import { parametersOf } from '../inputs.ts'
import { permuteHost, permuteShape } from '../layout.ts'
import { normEps } from '../models.ts'
import type { Arrays, HostArray, InferTask } from '../workload.ts'
import type { Attribute, OnnxGraph, OnnxNode } from './onnx.ts'

/** What an exporter and ONNX Runtime's own optimizer make of a published model. Images are [n, c, h, w]. */
export function inferenceGraph(task: InferTask): OnnxGraph {
  const { x } = inferenceOf(task)
  const { batch } = task
  if (task.model === 'resnet50') {
    const draft = new Draft(foldedNorms(parametersOf(task), normEps))
    const logits = walkResNet50(imageOps(draft), 'x')
    return draft.graph({ x: permuteShape(x.shape, [0, 3, 1, 2]) }, { logits: [batch, 1000] }, { logits })
  }
  const draft = new Draft(parametersOf(task))
  const { hidden, pooled } = walkBert(textOps(draft, task), 'x', task.layers ?? bertBase.layers)
  const { width } = bertBase
  const outputs = { hidden: [batch, task.size, width], pooled: [batch, width] }
  return { ...draft.graph({ x: x.shape }, outputs, { hidden, pooled }), indices: ['x'] }
}

/** A graph in the making; values are names. */
class Draft {
  readonly #nodes: OnnxNode[] = []
  readonly #arrays: Arrays
  readonly #weights: Record<string, HostArray> = {}

  constructor(arrays: Arrays) {
    this.#arrays = arrays
  }

  /** A weight as it is. */
  weight(name: string): string {
    return this.constant(name, this.#array(name))
  }

  shapeOf(name: string): readonly number[] {
    return this.#array(name).shape
  }

  /** A matrix [out, in] as [in, out]. */
  matrix(name: string): string {
    const { shape, data } = this.#array(name)
    return this.constant(name, { shape: permuteShape(shape, [1, 0]), data: permuteHost(data, shape, [1, 0]) })
  }

  /** The first rows of a table. */
  rows(name: string, count: number): string {
    const { shape, data } = this.#array(name)
    const width = shape[1] as number
    return this.constant(name, { shape: [count, width], data: data.slice(0, count * width) })
  }

  constant(name: string, value: HostArray): string {
    this.#weights[name] = value
    return name
  }

  /** A node; answers its result. With `extension`, of ONNX Runtime's own. */
  node(op: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}, extension = false): string {
    const output = `${op} ${this.#nodes.length}`
    const domain = extension ? { domain: 'com.microsoft' } : {}
    this.#nodes.push({ op, inputs, outputs: [output], attributes, ...domain })
    return output
  }

  graph(inputs: OnnxGraph['inputs'], outputs: OnnxGraph['outputs'], made: Readonly<Record<string, string>>): OnnxGraph {
    const named = Object.entries(made).map(([name, value]) => ({ op: 'Identity', inputs: [value], outputs: [name] }))
    return { nodes: [...this.#nodes, ...named], inputs, outputs, weights: this.#weights }
  }

  #array(name: string): HostArray {
    const array = this.#arrays[name]
    if (!array) throw new Error(`bench: the model has no parameter ${name}`)
    return array
  }
}

function imageOps(draft: Draft): ImageOps<string> {
  return {
    conv(x, conv, _norm, { stride, relu }) {
      const w = draft.weight(`${conv}.weight`)
      const kernel = draft.shapeOf(w)[2] as number
      const p = (kernel - 1) >> 1
      const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [p, p, p, p] }
      const y = draft.node('Conv', [x, w, draft.weight(`${conv}.bias`)], attributes)
      return relu ? draft.node('Relu', [y]) : y
    },
    maxPool: (x) => draft.node('MaxPool', [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
    addRelu: (x, y) => draft.node('Relu', [draft.node('Add', [x, y])]),
    head(x) {
      const pooled = draft.node('Flatten', [draft.node('GlobalAveragePool', [x])], { axis: 1 })
      return draft.node('Gemm', [pooled, draft.weight('fc.weight'), draft.weight('fc.bias')], { transB: 1 })
    },
    again: (x) => x,
  }
}

function textOps(draft: Draft, { size }: InferTask): TextOps<string> {
  const { vocabulary, eps } = bertBase
  const table = (name: string, count: number): string => draft.rows(`embeddings.${name}_embeddings.weight`, count)
  const linear = (x: string, name: string): string =>
    draft.node('Add', [draft.node('MatMul', [x, draft.matrix(`${name}.weight`)]), draft.weight(`${name}.bias`)])
  return {
    embed(tokens) {
      const words = draft.node('Gather', [table('word', vocabulary), tokens], { axis: 0 })
      return draft.node('Add', [draft.node('Add', [words, table('position', size)]), table('token_type', 1)])
    },
    linear,
    attend: (q, k, v, heads) => draft.node('MultiHeadAttention', [q, k, v], { num_heads: heads }, true),
    add: (x, y) => draft.node('Add', [x, y]),
    layerNorm: (x, name) =>
      draft.node('LayerNormalization', [x, draft.weight(`${name}.weight`), draft.weight(`${name}.bias`)], {
        axis: -1,
        epsilon: { float: eps },
      }),
    gelu: (x) => draft.node('Gelu', [x], {}, true),
    pool(x, name) {
      const first = draft.constant('first', { shape: [], data: Int32Array.of(0) })
      return draft.node('Tanh', [linear(draft.node('Gather', [x, first], { axis: 1 }), name)])
    },
    again: (x) => x,
  }
}
