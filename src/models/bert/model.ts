import { fail } from '../../errors.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { guarded } from '../../graph/trace.ts'
import { Dropout } from '../../nn/activation.ts'
import { normal } from '../../nn/init.ts'
import { Embedding, type Linear } from '../../nn/linear.ts'
import { Module } from '../../nn/module.ts'
import type { LayerNorm } from '../../nn/norm.ts'
import { Parameter } from '../../nn/parameter.ts'
import { add, equal, where } from '../../ops/arithmetic.ts'
import { checkpoint } from '../../ops/checkpoint.ts'
import { arange, slice, unsqueeze } from '../../ops/movement.ts'
import { reshape } from '../../ops/reshape.ts'
import { tanh } from '../../ops/unary.ts'
import { formatShape, sameShape } from '../../shape.ts'
import { type BertConfig, type BertConfigFile, bertConfig } from './config.ts'
import { BertLayer, BertPart, Dense, layerNormOf, type TokenMask, tokenMask } from './layer.ts'

/** What a BERT reads. Either `inputIds` or `inputsEmbeds` is given. */
export interface BertInputs {
  /** Tokens, i32 [batch, length]. */
  readonly inputIds?: Tensor
  /** Embeddings of tokens, f32 [batch, length, hidden_size], before positions and segments are added. */
  readonly inputsEmbeds?: Tensor
  /**
   * Where the tokens are: i32 or bool [batch, length], 1 or true for a token, or i32 [batch], how many come before the padding, which
   * stores no mask. Everywhere unless given.
   */
  readonly attentionMask?: Tensor | null
  /** Segments of the tokens, i32 [batch, length]; all in segment 0 unless given. */
  readonly tokenTypeIds?: Tensor | null
}

/** What {@link BertModel.run} gives out beside the last hidden state. */
export interface BertRunOptions {
  /** Gives out the weights of every layer's attention, which are then stored; false unless given. */
  readonly outputAttentions?: boolean
  /** Gives out the embeddings and what every layer makes of them; false unless given. */
  readonly outputHiddenStates?: boolean
}

/** What a BERT makes of its inputs. */
export interface BertResult {
  /** [batch, length, hidden_size] */
  readonly lastHiddenState: Tensor
  /** [batch, hidden_size], made of the first token; null where the model has no pooler. */
  readonly poolerOutput: Tensor | null
  /** Of each layer [batch, heads, queries, keys], before dropout; empty unless asked for. */
  readonly attentions: readonly Tensor[]
  /** Of the embeddings and of each layer [batch, length, hidden_size]; empty unless asked for. */
  readonly hiddenStates: readonly Tensor[]
}

/** A table of embeddings that starts as BERT's; the row of the padding, where there is one, is 0 and stays so. */
class Table extends Embedding {
  override readonly weight: Parameter

  constructor(rows: number, config: BertConfig, paddingIdx?: number) {
    super(rows, config.hidden_size, paddingIdx === undefined ? {} : { paddingIdx })
    const start = normal([rows, config.hidden_size], 0, config.initializer_range)
    const isPadding = paddingIdx === undefined ? null : equal(unsqueeze(arange(rows), 1), paddingIdx)
    this.weight = new Parameter(isPadding ? where(isPadding, 0, start) : start, 'Table.weight')
  }
}

/** Tokens, positions and segments, added and normalised. */
class BertEmbeddings extends BertPart {
  readonly wordEmbeddings: Embedding
  readonly positionEmbeddings: Embedding
  readonly tokenTypeEmbeddings: Embedding
  readonly norm: LayerNorm
  readonly dropout: Dropout

  constructor(config: BertConfig) {
    super()
    this.wordEmbeddings = new Table(config.vocab_size, config, config.pad_token_id)
    this.positionEmbeddings = new Table(config.max_position_embeddings, config)
    this.tokenTypeEmbeddings = new Table(config.type_vocab_size, config)
    this.norm = layerNormOf(config)
    this.dropout = new Dropout(config.hidden_dropout_prob)
  }

  override forward(words: Tensor, tokenTypeIds?: Tensor): Tensor {
    const positions = slice(this.positionEmbeddings.weight, [[0, words.shape[1] as number]])
    const types = tokenTypeIds
      ? this.tokenTypeEmbeddings.forward(tokenTypeIds)
      : slice(this.tokenTypeEmbeddings.weight, [[0, 1]])
    return this.dropout.forward(this.norm.forward(add(add(words, types), positions)))
  }
}

/** The layers one after another. */
class BertEncoder extends Module {
  readonly layer: readonly BertLayer[]
  /**
   * Whether the gradient computes each layer again in place of keeping what it made (Chen et al. 2016): less memory, a third more work.
   * May be changed at any time; compiled steps are traced again.
   */
  recompute = false

  constructor(config: BertConfig) {
    super()
    this.layer = Array.from({ length: config.num_hidden_layers }, () => new BertLayer(config))
  }

  override forward(x: Tensor): Tensor {
    return this.encode(x, null, {}).lastHiddenState
  }

  encode(x: Tensor, tokens: TokenMask, options: BertRunOptions): Omit<BertResult, 'poolerOutput'> {
    const { outputAttentions = false, outputHiddenStates = false } = options
    const isRecomputed = guarded('recompute', () => this.recompute)
    const hiddenStates = [x]
    const attentions: Tensor[] = []
    let hidden = x
    for (const layer of this.layer) {
      if (outputAttentions) {
        const weighed = layer.weighed(hidden, tokens)
        attentions.push(weighed.weights)
        hidden = weighed.hidden
      } else hidden = isRecomputed ? checkpoint((h) => layer.forward(h, tokens), hidden) : layer.forward(hidden, tokens)
      hiddenStates.push(hidden)
    }
    return { lastHiddenState: hidden, attentions, hiddenStates: outputHiddenStates ? hiddenStates : [] }
  }
}

/** What stands for the whole sequence: its first token through a linear layer and tanh. */
class BertPooler extends Module {
  readonly dense: Linear

  constructor(config: BertConfig) {
    super()
    this.dense = new Dense(config.hidden_size, config.hidden_size, config)
  }

  override forward(hidden: Tensor): Tensor {
    const [batch = 0, , size = 0] = hidden.shape
    return tanh(this.dense.forward(reshape(slice(hidden, [null, [0, 1]]), [batch, size])))
  }
}

/**
 * The encoder of BERT (Devlin et al. 2019), with Hugging Face's keys.
 *
 * Shape: tokens i32 [batch, length], a mask as `BertInputs.attentionMask` says, segments i32 [batch, length] -> the last hidden state
 * [batch, length, hidden_size].
 *
 * @example
 * const bert = new BertModel(await (await fetch('config.json')).json())
 * await loadBertWeights(bert, await httpSource('https://example.com/model.safetensors'))
 * const { poolerOutput } = bert.eval().run({ inputIds, attentionMask })
 */
export class BertModel extends Module {
  readonly embeddings: BertEmbeddings
  readonly encoder: BertEncoder
  readonly pooler: BertPooler | null
  readonly config: BertConfig

  constructor(config: BertConfigFile = {}, { pooler = true }: { readonly pooler?: boolean } = {}) {
    super()
    this.config = bertConfig(config)
    this.embeddings = new BertEmbeddings(this.config)
    this.encoder = new BertEncoder(this.config)
    this.pooler = pooler ? new BertPooler(this.config) : null
  }

  override forward(inputIds: Tensor, attentionMask?: Tensor, tokenTypeIds?: Tensor): Tensor {
    return this.run({ inputIds, attentionMask: attentionMask ?? null, tokenTypeIds: tokenTypeIds ?? null })
      .lastHiddenState
  }

  /** {@link forward} with all that it makes. Throws where shapes do not fit, and for sequences longer than the model has positions. */
  run(inputs: BertInputs, options: BertRunOptions = {}): BertResult {
    const { inputIds, inputsEmbeds, attentionMask, tokenTypeIds } = inputs
    const words = inputsEmbeds ?? (inputIds && this.embeddings.wordEmbeddings.forward(inputIds))
    if (!words || (inputIds && inputsEmbeds))
      return fail(
        'BertModel',
        words ? 'inputIds and inputsEmbeds are given' : 'no inputIds are given',
        'give one of the two',
      )
    this.check(words, attentionMask ?? null, tokenTypeIds ?? null)
    const embedded = this.embeddings.forward(words, tokenTypeIds ?? undefined)
    const encoded = this.encoder.encode(embedded, attentionMask ? tokenMask(attentionMask) : null, options)
    return { ...encoded, poolerOutput: this.pooler?.forward(encoded.lastHiddenState) ?? null }
  }

  private check(words: Tensor, mask: Tensor | null, types: Tensor | null): void {
    const { hidden_size: size, max_position_embeddings: most } = this.config
    const [batch = 0, length = 0] = words.shape
    if (words.shape.length !== 3 || words.shape[2] !== size)
      fail(
        'BertModel',
        `the embeddings are ${formatShape(words.shape)}`,
        `they must be [batch, length, ${size}], of tokens [batch, length]`,
      )
    if (length > most)
      fail('BertModel', `a sequence of ${length} tokens`, `the model has ${most} positions; cut the text`)
    const wanted = [batch, length]
    if (types && !sameShape(types.shape, wanted))
      fail('BertModel', `tokenTypeIds is ${formatShape(types.shape)}`, `it must be ${formatShape(wanted)}`)
    if (mask && !sameShape(mask.shape, wanted) && !(mask.dtype === 'i32' && sameShape(mask.shape, [batch])))
      fail(
        'BertModel',
        `attentionMask is ${mask.dtype} ${formatShape(mask.shape)}`,
        `it must be i32 or bool ${formatShape(wanted)}, or lengths, i32 [${batch}]`,
      )
  }
}
