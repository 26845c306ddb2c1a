import { bertBase, bottlenecks } from './models.ts'

/** What an engine does for ResNet; weights are named by their keys. */
export interface ImageOps<T> {
  /** A convolution that keeps the size but for the stride, the norm behind it as it is in evaluation, and relu where asked for. */
  conv(x: T, conv: string, norm: string, options: { readonly stride: number; readonly relu: boolean }): T
  /** 3x3 windows with stride 2 and padding 1. */
  maxPool(x: T): T
  addRelu(x: T, y: T): T
  /** The mean of each map through `fc`. */
  head(x: T): T
  /** For one more use, in engines that count uses. */
  again(x: T): T
}

/** Logits of ResNet-50. */
export function walkResNet50<T>(ops: ImageOps<T>, x: T): T {
  let h = ops.maxPool(ops.conv(x, 'conv1', 'bn1', { stride: 2, relu: true }))
  for (const { name, stride, isFirst } of bottlenecks) {
    const kept = ops.again(h)
    const short = isFirst
      ? ops.conv(kept, `${name}.downsample.0`, `${name}.downsample.1`, { stride, relu: false })
      : kept
    const reduced = ops.conv(h, `${name}.conv1`, `${name}.bn1`, { stride: 1, relu: true })
    const inner = ops.conv(reduced, `${name}.conv2`, `${name}.bn2`, { stride, relu: true })
    h = ops.addRelu(ops.conv(inner, `${name}.conv3`, `${name}.bn3`, { stride: 1, relu: false }), short)
  }
  return ops.head(h)
}

/** What an engine does for BERT; tokens in batches are [batch, sequence, width]. */
export interface TextOps<T> {
  /** Words, positions and the first segment, added. */
  embed(tokens: T): T
  linear(x: T, name: string): T
  /** softmax(q kᵀ / √d) v for each of the heads. */
  attend(q: T, k: T, v: T, heads: number): T
  add(x: T, y: T): T
  layerNorm(x: T, name: string): T
  /** The exact one. */
  gelu(x: T): T
  /** tanh of a linear layer on the first token. */
  pool(x: T, name: string): T
  /** For one more use, in engines that count uses. */
  again(x: T): T
}

/** The last hidden state of BERT, and what its pooler makes of it. */
export function walkBert<T>(ops: TextOps<T>, tokens: T, layers: number): { readonly hidden: T; readonly pooled: T } {
  let h = ops.layerNorm(ops.embed(tokens), 'embeddings.LayerNorm')
  for (let l = 0; l < layers; l++) {
    const name = `encoder.layer.${l}`
    const [q, k, v] = ['query', 'key', 'value'].map((part) =>
      ops.linear(ops.again(h), `${name}.attention.self.${part}`),
    ) as [T, T, T]
    const attended = ops.linear(ops.attend(q, k, v, bertBase.heads), `${name}.attention.output.dense`)
    const y = ops.layerNorm(ops.add(attended, h), `${name}.attention.output.LayerNorm`)
    const inner = ops.gelu(ops.linear(ops.again(y), `${name}.intermediate.dense`))
    h = ops.layerNorm(ops.add(ops.linear(inner, `${name}.output.dense`), y), `${name}.output.LayerNorm`)
  }
  return { hidden: ops.again(h), pooled: ops.pool(h, 'pooler.dense') }
}
