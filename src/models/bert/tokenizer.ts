import { fail } from '../../errors.ts'
import { specialTokens } from './vocabulary.ts'

/** What is needed of a tokenizer; `Tokenizer` of `@huggingface/tokenizers` has it. */
export interface TokenSource {
  /** Numbers and texts of the tokens of a text. */
  encode(
    text: string,
    options?: { readonly add_special_tokens?: boolean },
  ): { readonly ids: readonly number[]; readonly tokens: readonly string[] }
  /** The number of a token, undefined where there is none. */
  token_to_id(token: string): number | undefined
}

/** A text as BERT reads it. */
export interface BertEncoding {
  /** The tokens' numbers, [CLS] first and [SEP] last. */
  readonly ids: readonly number[]
  readonly tokens: readonly string[]
  /** For each token where its word begins and ends in the text; [0, 0] for [CLS] and [SEP]. */
  readonly offsets: readonly (readonly [begin: number, end: number])[]
  /** Tokens that were left out at the end, so that the rest has its length. */
  readonly truncated: number
}

/** Options of {@link BertTokenizer}. */
export interface BertTokenizerOptions {
  /** Tokens that an encoding has at most, [CLS] and [SEP] among them; 512 unless given. */
  readonly maxLength?: number
}

const op = 'BertTokenizer'

/**
 * Texts as tokens, by a tokenizer of BERT's kind: words that have spaces between them are tokens of their own.
 *
 * @example
 * import { Tokenizer } from '@huggingface/tokenizers'
 * const json = await (await fetch('tokenizer.json')).json()
 * const { ids, tokens, truncated } = new BertTokenizer(new Tokenizer(json, {})).encode('a moving film')
 */
export class BertTokenizer {
  readonly maxLength: number
  readonly padId: number
  /** [MASK]; null where the vocabulary has none. */
  readonly maskId: number | null
  private readonly source: TokenSource
  private readonly clsId: number
  private readonly sepId: number

  constructor(source: TokenSource, { maxLength = 512 }: BertTokenizerOptions = {}) {
    if (!(Number.isInteger(maxLength) && maxLength >= 3))
      fail(op, `maxLength is ${maxLength}`, 'it must be a whole number of at least 3, for [CLS], a token and [SEP]')
    const idOf = (token: string): number =>
      source.token_to_id(token) ?? fail(op, `the vocabulary has no ${token}`, "it must be BERT's kind")
    this.source = source
    this.maxLength = maxLength
    this.padId = idOf(specialTokens.pad)
    this.clsId = idOf(specialTokens.cls)
    this.sepId = idOf(specialTokens.sep)
    this.maskId = source.token_to_id(specialTokens.mask) ?? null
  }

  /** The tokens of a text, as many as `maxLength` allows. Throws where the text has none. */
  encode(text: string): BertEncoding {
    const ids = [this.clsId]
    const tokens: string[] = [specialTokens.cls]
    const offsets: (readonly [number, number])[] = [[0, 0]]
    let truncated = 0
    for (const { 0: word, index } of text.matchAll(/\S+/gu)) {
      const pieces = this.source.encode(word, { add_special_tokens: false })
      pieces.ids.forEach((id, i) => {
        if (ids.length === this.maxLength - 1) truncated++
        else {
          ids.push(id)
          tokens.push(pieces.tokens[i] as string)
          offsets.push([index, index + word.length])
        }
      })
    }
    if (ids.length === 1) fail(op, `the text ${JSON.stringify(text.slice(0, 40))} has no words`, 'give at least one')
    return {
      ids: [...ids, this.sepId],
      tokens: [...tokens, specialTokens.sep],
      offsets: [...offsets, [0, 0]],
      truncated,
    }
  }
}
