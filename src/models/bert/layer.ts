import type { Tensor } from '../../graph/tensor.ts'
import { guarded } from '../../graph/trace.ts'
import { Dropout } from '../../nn/activation.ts'
import { normal } from '../../nn/init.ts'
import { Linear } from '../../nn/linear.ts'
import { Module } from '../../nn/module.ts'
import { LayerNorm } from '../../nn/norm.ts'
import { Parameter } from '../../nn/parameter.ts'
import { add, equal, less, logicalNot, mul, where } from '../../ops/arithmetic.ts'
import { scaledDotProductAttention } from '../../ops/attention.ts'
import { full } from '../../ops/elementwise.ts'
import { matmul } from '../../ops/matmul.ts'
import { arange, permute, unsqueeze } from '../../ops/movement.ts'
import { reshape } from '../../ops/reshape.ts'
import { softmax } from '../../ops/softmax.ts'
import { gelu, relu, silu } from '../../ops/unary.ts'
import type { BertConfig } from './config.ts'

/** A module whose LayerNorm has the name that Hugging Face gives it. */
export abstract class BertPart extends Module {
  override children(): [string, Module][] {
    return super.children().map(([name, child]) => [child instanceof LayerNorm ? 'LayerNorm' : name, child])
  }
}

/** A linear layer that starts as BERT's: normal weights and no bias. */
export class Dense extends Linear {
  override readonly weight: Parameter
  override readonly bias: Parameter

  constructor(inFeatures: number, outFeatures: number, config: BertConfig) {
    super(inFeatures, outFeatures)
    // Not assigned to the layer's own, so that nothing is drawn where weights are loaded.
    this.weight = new Parameter(normal([outFeatures, inFeatures], 0, config.initializer_range), 'Dense.weight')
    this.bias = new Parameter(full([outFeatures], 0), 'Dense.bias')
  }
}

/** The LayerNorm of a config. */
export function layerNormOf(config: BertConfig): LayerNorm {
  return new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps })
}

/** The activation of a config. */
export function activationOf({ hidden_act }: BertConfig): (x: Tensor) => Tensor {
  if (hidden_act === 'relu') return relu
  if (hidden_act === 'silu' || hidden_act === 'swish') return silu
  const approximate = hidden_act === 'gelu' ? 'none' : 'tanh'
  return (x) => gelu(x, { approximate })
}

/** Where the tokens are: bool [batch, length], or i32 [batch], how many come before the padding. Null: everywhere. */
export type TokenMask = Tensor | null

/** Queries, keys and values of several heads. */
class BertSelfAttention extends Module {
  readonly query: Linear
  readonly key: Linear
  readonly value: Linear
  readonly dropout: Dropout
  readonly heads: number

  constructor(config: BertConfig) {
    super()
    const { hidden_size: size } = config
    this.query = new Dense(size, size, config)
    this.key = new Dense(size, size, config)
    this.value = new Dense(size, size, config)
    this.dropout = new Dropout(config.attention_probs_dropout_prob)
    this.heads = config.num_attention_heads
  }

  override forward(x: Tensor, tokens: TokenMask = null): Tensor {
    const [q, k, v] = this.project(x)
    const isDropping = this.isTraining() && guarded('dropout', () => this.dropout.p > 0)
    const mixed = scaledDotProductAttention(q, k, v, {
      keyPadding: tokens?.dtype === 'bool' ? logicalNot(tokens) : tokens,
      ...(isDropping ? { dropout: () => this.dropout.p } : {}),
    })
    return reshape(mixed, x.shape)
  }

  /** {@link forward} by way of all its weights [batch, heads, queries, keys], which it gives out too. */
  weighed(x: Tensor, tokens: TokenMask): { mixed: Tensor; weights: Tensor } {
    const [q, k, v] = this.project(x).map((t) => permute(t, [0, 2, 1, 3])) as [Tensor, Tensor, Tensor]
    const [batch = 0, , length = 0, depth = 0] = q.shape
    const logits = mul(matmul(q, k, { transB: true }), 1 / Math.sqrt(depth))
    const isToken =
      tokens?.dtype === 'i32'
        ? less(arange(length), reshape(tokens, [batch, 1, 1, 1]))
        : tokens && unsqueeze(unsqueeze(tokens, 1), 1)
    const weights = softmax(isToken ? where(isToken, logits, -1e30) : logits)
    const mixed = permute(matmul(this.dropout.forward(weights), v), [0, 2, 1, 3])
    return { mixed: reshape(mixed, x.shape), weights }
  }

  /** Queries, keys and values, [batch, length, heads, depth] each. */
  private project(x: Tensor): [Tensor, Tensor, Tensor] {
    const [batch = 0, length = 0, size = 0] = x.shape
    const byHead = (linear: Linear): Tensor =>
      reshape(linear.forward(x), [batch, length, this.heads, size / this.heads])
    return [byHead(this.query), byHead(this.key), byHead(this.value)]
  }
}

/** A linear layer and dropout, the residual added, and a LayerNorm behind it. */
class BertResidual extends BertPart {
  readonly dense: Linear
  readonly norm: LayerNorm
  readonly dropout: Dropout

  constructor(inFeatures: number, config: BertConfig) {
    super()
    this.dense = new Dense(inFeatures, config.hidden_size, config)
    this.norm = layerNormOf(config)
    this.dropout = new Dropout(config.hidden_dropout_prob)
  }

  override forward(x: Tensor, residual: Tensor): Tensor {
    return this.norm.forward(add(this.dropout.forward(this.dense.forward(x)), residual))
  }
}

/** Self-attention with its residual. */
class BertAttention extends Module {
  readonly self: BertSelfAttention
  readonly output: BertResidual

  constructor(config: BertConfig) {
    super()
    this.self = new BertSelfAttention(config)
    this.output = new BertResidual(config.hidden_size, config)
  }

  override forward(x: Tensor, tokens: TokenMask = null): Tensor {
    return this.output.forward(this.self.forward(x, tokens), x)
  }

  weighed(x: Tensor, tokens: TokenMask): { hidden: Tensor; weights: Tensor } {
    const { mixed, weights } = this.self.weighed(x, tokens)
    return { hidden: this.output.forward(mixed, x), weights }
  }
}

/** The first half of the feed-forward part. */
class BertIntermediate extends Module {
  readonly dense: Linear
  private readonly activate: (x: Tensor) => Tensor

  constructor(config: BertConfig) {
    super()
    this.dense = new Dense(config.hidden_size, config.intermediate_size, config)
    this.activate = activationOf(config)
  }

  override forward(x: Tensor): Tensor {
    return this.activate(this.dense.forward(x))
  }
}

/** Attention and a feed-forward part, each normalised behind its residual. Shape: [batch, length, hidden_size] -> the same. */
export class BertLayer extends Module {
  readonly attention: BertAttention
  readonly intermediate: BertIntermediate
  readonly output: BertResidual

  constructor(config: BertConfig) {
    super()
    this.attention = new BertAttention(config)
    this.intermediate = new BertIntermediate(config)
    this.output = new BertResidual(config.intermediate_size, config)
  }

  override forward(x: Tensor, tokens: TokenMask = null): Tensor {
    return this.feedForward(this.attention.forward(x, tokens))
  }

  /** {@link forward}, with the weights of its attention [batch, heads, queries, keys], which takes memory for them. */
  weighed(x: Tensor, tokens: TokenMask): { hidden: Tensor; weights: Tensor } {
    const { hidden, weights } = this.attention.weighed(x, tokens)
    return { hidden: this.feedForward(hidden), weights }
  }

  private feedForward(x: Tensor): Tensor {
    return this.output.forward(this.intermediate.forward(x), x)
  }
}

/** A mask of Hugging Face's kind, i32 [batch, length] with 1 where a token is, as bool; bool and lengths stay. */
export function tokenMask(mask: Tensor): Tensor {
  return mask.dtype === 'i32' && mask.shape.length === 2 ? logicalNot(equal(mask, 0)) : mask
}
