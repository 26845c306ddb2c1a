import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { add } from '../ops/arithmetic.ts'
import { gelu, relu } from '../ops/unary.ts'
import { Dropout } from './activation.ts'
import { type AttentionMasks, MultiheadAttention } from './attention.ts'
import type { KeyValueCache } from './key-value-cache.ts'
import { Linear } from './linear.ts'
import { Module } from './module.ts'
import { LayerNorm } from './norm.ts'

/** Options of {@link TransformerEncoderLayer} and {@link TransformerDecoderLayer}. */
export interface TransformerLayerOptions {
  /** Features between the two linear layers; 2048 unless given. */
  readonly dimFeedforward?: number
  /** The probability with which weights and features are dropped in training; 0.1 unless given. */
  readonly dropout?: number
  /** Between the two linear layers; 'relu' unless given. gelu is the exact one. */
  readonly activation?: 'relu' | 'gelu' | ((x: Tensor) => Tensor)
  /** Added to the variance of each LayerNorm; 1e-5 unless given. */
  readonly layerNormEps?: number
  /** Normalises before each part (Xiong et al. 2020), not behind the residual; false unless given. */
  readonly normFirst?: boolean
}

/** Masks of an encoder layer. */
export interface EncoderMasks {
  /** bool, true where a position may not see another, or f32, added to the logits; broadcast to [batch, heads, length, length]. */
  readonly srcMask?: Tensor | null
  /** bool [batch, length], true for padding, or i32 [batch], the lengths. */
  readonly srcKeyPaddingMask?: Tensor | null
  /** A position sees none behind it. */
  readonly isCausal?: boolean
}

/** What {@link TransformerEncoderLayer.encode} takes. */
export interface EncodeOptions extends EncoderMasks {
  /** Keys and values of the positions before those of `src`; of `layer.selfAttn.cache`. */
  readonly cache?: KeyValueCache | null
}

/** Masks of a decoder layer; those of `memory` say which of its positions are seen. */
export interface DecoderMasks {
  readonly tgtMask?: Tensor | null
  readonly tgtKeyPaddingMask?: Tensor | null
  readonly memoryMask?: Tensor | null
  readonly memoryKeyPaddingMask?: Tensor | null
  /** A target position sees none behind it. */
  readonly tgtIsCausal?: boolean
}

/** x with what `part` makes of it added, under a norm before it or behind it. */
function residual(normFirst: boolean, x: Tensor, norm: LayerNorm, drop: Dropout, part: (x: Tensor) => Tensor): Tensor {
  if (normFirst) return add(x, drop.forward(part(norm.forward(x))))
  return norm.forward(add(x, drop.forward(part(x))))
}

function activationOf(activation: TransformerLayerOptions['activation'] = 'relu'): (x: Tensor) => Tensor {
  return typeof activation === 'function' ? activation : activation === 'gelu' ? (x) => gelu(x) : relu
}

/** The feed-forward part of a layer. */
function feedForward(
  layer: { readonly linear1: Linear; readonly dropout: Dropout; readonly linear2: Linear },
  activate: (x: Tensor) => Tensor,
  x: Tensor,
): Tensor {
  return layer.linear2.forward(layer.dropout.forward(activate(layer.linear1.forward(x))))
}

/**
 * Self-attention and a feed-forward part, each with a residual and a LayerNorm (Vaswani et al. 2017).
 *
 * Shape: [batch, length, dModel] -> the same.
 */
export class TransformerEncoderLayer extends Module {
  readonly selfAttn: MultiheadAttention
  readonly linear1: Linear
  readonly dropout: Dropout
  readonly linear2: Linear
  readonly norm1: LayerNorm
  readonly norm2: LayerNorm
  readonly dropout1: Dropout
  readonly dropout2: Dropout
  readonly normFirst: boolean
  private readonly activate: (x: Tensor) => Tensor
  readonly #again: () => TransformerEncoderLayer

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super()
    const { dimFeedforward = 2048, dropout = 0.1, layerNormEps: eps = 1e-5, normFirst = false } = options
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout })
    this.linear1 = new Linear(dModel, dimFeedforward)
    this.dropout = new Dropout(dropout)
    this.linear2 = new Linear(dimFeedforward, dModel)
    this.norm1 = new LayerNorm(dModel, { eps })
    this.norm2 = new LayerNorm(dModel, { eps })
    this.dropout1 = new Dropout(dropout)
    this.dropout2 = new Dropout(dropout)
    this.normFirst = normFirst
    this.activate = activationOf(options.activation)
    this.#again = (): TransformerEncoderLayer => new TransformerEncoderLayer(dModel, nhead, options)
  }

  /** Another layer of the same options, with weights of its own. */
  another(): TransformerEncoderLayer {
    return this.#again()
  }

  override forward(src: Tensor): Tensor {
    return this.encode(src)
  }

  /** {@link forward} under masks, or behind the positions of a cache. */
  encode(src: Tensor, { srcMask, srcKeyPaddingMask, isCausal, cache = null }: EncodeOptions = {}): Tensor {
    const masks = { ...masksOf(srcMask, srcKeyPaddingMask, isCausal), cache }
    const x = residual(this.normFirst, src, this.norm1, this.dropout1, (h) => this.selfAttn.attend(h, h, h, masks))
    return residual(this.normFirst, x, this.norm2, this.dropout2, (h) => feedForward(this, this.activate, h))
  }
}

/**
 * Self-attention, attention to the encoder's output and a feed-forward part, each with a residual and a LayerNorm (Vaswani et al. 2017).
 *
 * Shape: target [batch, length, dModel], memory [batch, memoryLength, dModel] -> the target's.
 */
export class TransformerDecoderLayer extends Module {
  readonly selfAttn: MultiheadAttention
  readonly multiheadAttn: MultiheadAttention
  readonly linear1: Linear
  readonly dropout: Dropout
  readonly linear2: Linear
  readonly norm1: LayerNorm
  readonly norm2: LayerNorm
  readonly norm3: LayerNorm
  readonly dropout1: Dropout
  readonly dropout2: Dropout
  readonly dropout3: Dropout
  readonly normFirst: boolean
  private readonly activate: (x: Tensor) => Tensor
  readonly #again: () => TransformerDecoderLayer

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super()
    const { dimFeedforward = 2048, dropout = 0.1, layerNormEps: eps = 1e-5, normFirst = false } = options
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout })
    this.multiheadAttn = new MultiheadAttention(dModel, nhead, { dropout })
    this.linear1 = new Linear(dModel, dimFeedforward)
    this.dropout = new Dropout(dropout)
    this.linear2 = new Linear(dimFeedforward, dModel)
    this.norm1 = new LayerNorm(dModel, { eps })
    this.norm2 = new LayerNorm(dModel, { eps })
    this.norm3 = new LayerNorm(dModel, { eps })
    this.dropout1 = new Dropout(dropout)
    this.dropout2 = new Dropout(dropout)
    this.dropout3 = new Dropout(dropout)
    this.normFirst = normFirst
    this.activate = activationOf(options.activation)
    this.#again = (): TransformerDecoderLayer => new TransformerDecoderLayer(dModel, nhead, options)
  }

  /** Another layer of the same options, with weights of its own. */
  another(): TransformerDecoderLayer {
    return this.#again()
  }

  override forward(tgt: Tensor, memory: Tensor): Tensor {
    return this.decode(tgt, memory)
  }

  /** {@link forward} under masks. */
  decode(tgt: Tensor, memory: Tensor, masks: DecoderMasks = {}): Tensor {
    const own = masksOf(masks.tgtMask, masks.tgtKeyPaddingMask, masks.tgtIsCausal)
    const other = masksOf(masks.memoryMask, masks.memoryKeyPaddingMask, false)
    const x = residual(this.normFirst, tgt, this.norm1, this.dropout1, (h) => this.selfAttn.attend(h, h, h, own))
    const y = residual(this.normFirst, x, this.norm2, this.dropout2, (h) =>
      this.multiheadAttn.attend(h, memory, memory, other),
    )
    return residual(this.normFirst, y, this.norm3, this.dropout3, (h) => feedForward(this, this.activate, h))
  }
}

function masksOf(
  attnMask: Tensor | null | undefined,
  keyPaddingMask: Tensor | null | undefined,
  isCausal = false,
): AttentionMasks {
  return { attnMask: attnMask ?? null, keyPaddingMask: keyPaddingMask ?? null, isCausal }
}

/** The layer and as many others like it as make `count`. */
function repeated<Layer extends { another(): Layer }>(op: string, layer: Layer, count: number): Layer[] {
  if (!(Number.isInteger(count) && count > 0))
    fail(op, `numLayers is ${count}`, 'it must be a whole number of at least 1')
  return [layer, ...Array.from({ length: count - 1 }, () => layer.another())]
}

/**
 * Encoder layers one after another, the given one first, the others like it with weights of their own; at last a norm, where given.
 *
 * Shape: [batch, length, dModel] -> the same.
 */
export class TransformerEncoder extends Module {
  readonly layers: readonly TransformerEncoderLayer[]
  readonly norm: Module | null

  constructor(encoderLayer: TransformerEncoderLayer, numLayers: number, norm: Module | null = null) {
    super()
    this.layers = repeated('TransformerEncoder', encoderLayer, numLayers)
    this.norm = norm
  }

  override forward(src: Tensor): Tensor {
    return this.encode(src)
  }

  /** {@link forward} under masks, the same for each layer, or behind the positions of `caches`, one for each layer. */
  encode(src: Tensor, masks: EncoderMasks = {}, caches?: readonly KeyValueCache[]): Tensor {
    if (caches && caches.length !== this.layers.length)
      fail('TransformerEncoder', `${caches.length} caches for ${this.layers.length} layers`, 'give one for each layer')
    const y = this.layers.reduce((x, layer, i) => layer.encode(x, { ...masks, cache: caches?.[i] ?? null }), src)
    return this.norm ? this.norm.forward(y) : y
  }

  /** A cache for each layer, for so many sequences of up to `maxLength` positions. */
  caches(batch: number, maxLength: number): KeyValueCache[] {
    return this.layers.map((layer) => layer.selfAttn.cache(batch, maxLength))
  }
}

/**
 * Decoder layers one after another, the given one first, the others like it with weights of their own; at last a norm, where given.
 *
 * Shape: target [batch, length, dModel], memory [batch, memoryLength, dModel] -> the target's.
 */
export class TransformerDecoder extends Module {
  readonly layers: readonly TransformerDecoderLayer[]
  readonly norm: Module | null

  constructor(decoderLayer: TransformerDecoderLayer, numLayers: number, norm: Module | null = null) {
    super()
    this.layers = repeated('TransformerDecoder', decoderLayer, numLayers)
    this.norm = norm
  }

  override forward(tgt: Tensor, memory: Tensor): Tensor {
    return this.decode(tgt, memory)
  }

  /** {@link forward} under masks, the same for each layer. */
  decode(tgt: Tensor, memory: Tensor, masks: DecoderMasks = {}): Tensor {
    const y = this.layers.reduce((x, layer) => layer.decode(x, memory, masks), tgt)
    return this.norm ? this.norm.forward(y) : y
  }
}
