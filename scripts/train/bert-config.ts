import type { BertConfigFile } from '../../src/models/index.ts'

/** What is said of a BERT that is to start from nothing. */
export interface BertSizes {
  readonly layers: number
  readonly hidden: number
  readonly heads: number
  readonly dropout: number
  readonly initializerRange: number
  /** Tokens of the longest text. */
  readonly maxLength: number
}

/** A small BERT for the vocabulary of a `tokenizer.json`. */
export function ownConfig(sizes: BertSizes, tokenizerJson: object): BertConfigFile {
  const { layers, hidden, heads, dropout, maxLength, initializerRange } = sizes
  const { model } = tokenizerJson as { readonly model: { readonly vocab: object } }
  return {
    vocab_size: Object.keys(model.vocab).length,
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: 4 * hidden,
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: dropout,
    max_position_embeddings: maxLength,
    initializer_range: initializerRange,
  }
}

/** A config with classes of its own in place of those it had. */
export function withClasses(config: BertConfigFile, classes: readonly string[]): BertConfigFile {
  const id2label = Object.fromEntries(classes.map((name, i) => [String(i), name]))
  const label2id = Object.fromEntries(classes.map((name, i) => [name, i]))
  return { ...config, num_labels: classes.length, id2label, label2id }
}
