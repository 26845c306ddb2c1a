import { fail } from '../../errors.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { Dropout } from '../../nn/activation.ts'
import type { Linear } from '../../nn/linear.ts'
import { Module } from '../../nn/module.ts'
import type { LayerNorm } from '../../nn/norm.ts'
import { Parameter } from '../../nn/parameter.ts'
import { add, mul } from '../../ops/arithmetic.ts'
import { full } from '../../ops/elementwise.ts'
import { embedding } from '../../ops/gather.ts'
import { matmul } from '../../ops/matmul.ts'
import { arange, unsqueeze } from '../../ops/movement.ts'
import { reshape } from '../../ops/reshape.ts'
import { formatShape } from '../../shape.ts'
import type { BertConfig, BertConfigFile } from './config.ts'
import { activationOf, BertPart, Dense, layerNormOf } from './layer.ts'
import { type BertInputs, BertModel, type BertResult, type BertRunOptions } from './model.ts'

/**
 * BERT with a classifier of whole sequences, with Hugging Face's keys.
 *
 * Shape: as {@link BertModel} -> logits [batch, num_labels].
 *
 * @example
 * const model = new BertForSequenceClassification({ ...config, num_labels: 2 })
 * const { missing } = await loadBertWeights(model, source) // ['classifier.weight', 'classifier.bias']
 */
export class BertForSequenceClassification extends Module {
  readonly bert: BertModel
  readonly dropout: Dropout
  readonly classifier: Linear

  constructor(config: BertConfigFile = {}) {
    super()
    this.bert = new BertModel(config)
    const full = this.bert.config
    this.dropout = new Dropout(full.classifier_dropout ?? full.hidden_dropout_prob)
    this.classifier = new Dense(full.hidden_size, full.num_labels, full)
  }

  override forward(inputIds: Tensor, attentionMask?: Tensor, tokenTypeIds?: Tensor): Tensor {
    return this.run({ inputIds, attentionMask: attentionMask ?? null, tokenTypeIds: tokenTypeIds ?? null }).logits
  }

  /** {@link forward} with all that the encoder makes. */
  run(inputs: BertInputs, options: BertRunOptions = {}): BertResult & { readonly logits: Tensor } {
    const made = this.bert.run(inputs, options)
    return { ...made, logits: this.classifier.forward(this.dropout.forward(made.poolerOutput as Tensor)) }
  }
}

/** What a hidden state goes through before it is compared with the embeddings. */
class BertPredictionTransform extends BertPart {
  readonly dense: Linear
  readonly norm: LayerNorm
  private readonly activate: (x: Tensor) => Tensor

  constructor(config: BertConfig) {
    super()
    this.dense = new Dense(config.hidden_size, config.hidden_size, config)
    this.norm = layerNormOf(config)
    this.activate = activationOf(config)
  }

  override forward(hidden: Tensor): Tensor {
    return this.norm.forward(this.activate(this.dense.forward(hidden)))
  }
}

/** A linear layer whose parameters are others' too. */
class TiedLinear extends Module {
  readonly weight: Parameter
  readonly bias: Parameter

  constructor(weight: Parameter, bias: Parameter) {
    super()
    this.weight = weight
    this.bias = bias
  }

  override forward(x: Tensor): Tensor {
    return add(matmul(x, this.weight, { transB: true }), this.bias)
  }
}

/** Logits over the vocabulary, by products with the embeddings of its tokens. */
class BertPredictions extends Module {
  readonly bias: Parameter
  readonly transform: BertPredictionTransform
  readonly decoder: TiedLinear

  constructor(config: BertConfig, words: Parameter) {
    super()
    this.bias = new Parameter(full([config.vocab_size], 0), 'BertPredictions.bias')
    this.transform = new BertPredictionTransform(config)
    this.decoder = new TiedLinear(words, this.bias)
  }

  override forward(hidden: Tensor): Tensor {
    return this.decoder.forward(this.transform.forward(hidden))
  }
}

/** The heads of pre-training. */
class BertPretrainingHeads extends Module {
  readonly predictions: BertPredictions

  constructor(config: BertConfig, words: Parameter) {
    super()
    this.predictions = new BertPredictions(config, words)
  }

  override forward(hidden: Tensor): Tensor {
    return this.predictions.forward(hidden)
  }
}

/**
 * BERT with a head that tells hidden tokens, with Hugging Face's keys; its weights are those of the embeddings.
 *
 * Shape: as {@link BertModel} -> logits [batch, length, vocab_size].
 */
export class BertForMaskedLM extends Module {
  readonly bert: BertModel
  readonly cls: BertPretrainingHeads

  constructor(config: BertConfigFile = {}) {
    super()
    this.bert = new BertModel(config, { pooler: false })
    this.cls = new BertPretrainingHeads(this.bert.config, this.bert.embeddings.wordEmbeddings.weight)
  }

  override forward(inputIds: Tensor, attentionMask?: Tensor, tokenTypeIds?: Tensor): Tensor {
    return this.cls.forward(this.bert.forward(inputIds, attentionMask, tokenTypeIds))
  }

  /**
   * Logits at some positions alone, i32 [batch, count], which spares the products of all others -> [batch, count, vocab_size]. What
   * training needs: 15 % of the tokens are hidden.
   */
  predictAt(inputs: BertInputs, positions: Tensor): Tensor {
    const { lastHiddenState: hidden } = this.bert.run(inputs)
    const [batch = 0, length = 0, size = 0] = hidden.shape
    if (positions.shape.length !== 2 || positions.shape[0] !== batch)
      fail('BertForMaskedLM', `positions is ${formatShape(positions.shape)}`, `it must be [${batch}, count]`)
    const rows = add(positions, unsqueeze(mul(arange(batch), length), 1))
    return this.cls.forward(embedding(reshape(hidden, [batch * length, size]), rows))
  }
}
