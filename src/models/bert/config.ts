import { fail } from '../../errors.ts'

/** The activation between the two linear layers of a block; 'gelu' is the exact one, 'gelu_new' the one by tanh. */
export type BertActivation = 'gelu' | 'gelu_new' | 'gelu_pytorch_tanh' | 'relu' | 'silu' | 'swish'

/** What a BERT is built from, under the names of Hugging Face's `config.json`, which can be given as it is. */
export interface BertConfig {
  /** Tokens there are; 30522 unless given. */
  readonly vocab_size: number
  /** Features of a token; 768 unless given. */
  readonly hidden_size: number
  /** Blocks of attention and feed-forward part; 12 unless given. */
  readonly num_hidden_layers: number
  /** Heads of attention, a divisor of `hidden_size`; 12 unless given. */
  readonly num_attention_heads: number
  /** Features between the two linear layers of a block; 3072 unless given. */
  readonly intermediate_size: number
  /** 'gelu' unless given. */
  readonly hidden_act: BertActivation
  /** The probability with which features are dropped in training; 0.1 unless given. */
  readonly hidden_dropout_prob: number
  /** The probability with which weights of the attention are dropped in training; 0.1 unless given. */
  readonly attention_probs_dropout_prob: number
  /** The longest sequence, in tokens; 512 unless given. */
  readonly max_position_embeddings: number
  /** Kinds of segments; 2 unless given. */
  readonly type_vocab_size: number
  /** Deviation of the normal distribution that weights start from; 0.02 unless given. */
  readonly initializer_range: number
  /** Added to the variance of each LayerNorm; 1e-12 unless given. */
  readonly layer_norm_eps: number
  /** The token that fills short sequences up; 0 unless given. Its embedding starts at 0 and stays as it is. */
  readonly pad_token_id: number
  /** Dropout before a classifier; `hidden_dropout_prob` where it is null, as it is unless given. */
  readonly classifier_dropout: number | null
  /** Names of classes by their number, as text. */
  readonly id2label: Readonly<Record<string, string>>
  /** Classes of a classifier; as many as `id2label` has, and 2 where it is not given either. */
  readonly num_labels: number
}

/** Any part of a {@link BertConfig}, and what a `config.json` says of the architecture; {@link bertConfig} makes a whole one of it. */
export interface BertConfigFile extends Partial<BertConfig> {
  readonly model_type?: string
  /** Numbers of classes by their name. */
  readonly label2id?: Readonly<Record<string, number>>
  readonly position_embedding_type?: string
  readonly is_decoder?: boolean
}

const base: Omit<BertConfig, 'id2label' | 'num_labels'> = {
  vocab_size: 30522,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  hidden_act: 'gelu',
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
  max_position_embeddings: 512,
  type_vocab_size: 2,
  initializer_range: 0.02,
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
  classifier_dropout: null,
}

const activations: readonly string[] = ['gelu', 'gelu_new', 'gelu_pytorch_tanh', 'relu', 'silu', 'swish']

const counts = [
  'vocab_size',
  'hidden_size',
  'num_hidden_layers',
  'num_attention_heads',
  'intermediate_size',
  'max_position_embeddings',
  'type_vocab_size',
  'num_labels',
] as const

/**
 * A whole config of a part of one: BERT-base (Devlin et al. 2019) where nothing is given. Throws for another architecture and for numbers
 * that make no model.
 */
export function bertConfig(given: BertConfigFile = {}): BertConfig {
  const { model_type = 'bert', position_embedding_type = 'absolute', is_decoder = false } = given
  const right = 'a BERT encoder with absolute positions can be built'
  if (model_type !== 'bert') fail('bertConfig', `model_type is ${model_type}`, right)
  if (position_embedding_type !== 'absolute')
    fail('bertConfig', `position_embedding_type is ${position_embedding_type}`, right)
  if (is_decoder) fail('bertConfig', 'is_decoder is true', right)
  const named = Object.entries(given).filter(([, value]) => value !== undefined)
  const labels = Object.keys(given.id2label ?? {}).length || 2
  const config = { ...base, num_labels: labels, id2label: {}, ...Object.fromEntries(named) } as BertConfig
  for (const name of counts)
    if (!(Number.isInteger(config[name]) && config[name] > 0))
      fail('bertConfig', `${name} is ${config[name]}`, 'it must be a whole number of at least 1')
  const { hidden_size, num_attention_heads, hidden_act } = config
  if (hidden_size % num_attention_heads !== 0)
    fail(
      'bertConfig',
      `hidden_size is ${hidden_size} and num_attention_heads is ${num_attention_heads}`,
      'the first must be a multiple of the second',
    )
  if (!activations.includes(hidden_act))
    fail('bertConfig', `hidden_act is ${hidden_act}`, `it must be one of ${activations.join(', ')}`)
  return config
}
