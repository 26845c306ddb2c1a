import { fail } from '../../errors.ts'

/** The tokens that BERT's own vocabularies have for themselves. */
export const specialTokens = { pad: '[PAD]', unk: '[UNK]', cls: '[CLS]', sep: '[SEP]', mask: '[MASK]' } as const

/** How a vocabulary is read. */
export interface WordPieceOptions {
  /** Whether texts are put into lower case and lose their accents, as with BERT's 'uncased' vocabularies; true unless given. */
  readonly lowercase?: boolean
}

/**
 * What a `tokenizer.json` says, for a vocabulary that comes as a `vocab.txt`, one token a line: WordPiece (Schuster and Nakajima 2012)
 * behind BERT's own rules for words. `Tokenizer` of `@huggingface/tokenizers` takes it. Throws where a token that BERT needs is missing.
 *
 * @example new BertTokenizer(new Tokenizer(wordPieceJson(await (await fetch('vocab.txt')).text()), {}))
 */
export function wordPieceJson(
  vocabulary: string | readonly string[],
  { lowercase = true }: WordPieceOptions = {},
): Readonly<Record<string, unknown>> {
  const lines = typeof vocabulary === 'string' ? vocabulary.replace(/\r?\n$/, '').split(/\r?\n/) : vocabulary
  const ids = new Map(lines.map((token, id) => [token, id]))
  const { pad, unk, cls, sep, mask } = specialTokens
  const missing = [pad, unk, cls, sep].filter((token) => !ids.has(token))
  if (missing.length > 0)
    fail(
      'wordPieceJson',
      `${missing.join(', ')} are not among the ${lines.length} tokens`,
      'a vocab.txt of BERT has one token a line, these among them',
    )
  const idOf = (token: string): number => ids.get(token) as number
  const special = (id: string, type_id: number): object => ({ SpecialToken: { id, type_id } })
  const text = (id: string, type_id: number): object => ({ Sequence: { id, type_id } })
  const single = [special(cls, 0), text('A', 0), special(sep, 0)]
  return {
    version: '1.0',
    added_tokens: [pad, unk, cls, sep, mask]
      .filter((token) => ids.has(token))
      .map((content) => ({
        ...{ id: idOf(content), content, special: true },
        ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
      })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, text('B', 1), special(sep, 1)],
      special_tokens: Object.fromEntries(
        [cls, sep].map((token) => [token, { id: token, ids: [idOf(token)], tokens: [token] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unk,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  }
}

/** Punctuation as BERT has it: that of Unicode, and what ASCII has beside letters, digits and spaces. */
const words = /[\p{P}$+<=>^`|~]|[^\s\p{P}$+<=>^`|~]+/gu

/** How {@link wordVocabulary} chooses. */
export interface WordVocabularyOptions {
  /** How often a word must be there to get a token; 2 unless given. */
  readonly minCount?: number
}

/**
 * A vocabulary of whole words of some texts, in lower case and without accents, for training without published weights: the special tokens,
 * then the words that are there often enough, the most frequent first.
 */
export function wordVocabulary(texts: Iterable<string>, { minCount = 2 }: WordVocabularyOptions = {}): string[] {
  const counts = new Map<string, number>()
  for (const text of texts) {
    const plain = text
      .normalize('NFD')
      .replace(/\p{Mn}/gu, '')
      .toLowerCase()
    for (const [word] of plain.matchAll(words)) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  const kept = [...counts].filter(([, count]) => count >= minCount).sort(([, a], [, b]) => b - a)
  return [...Object.values(specialTokens), ...kept.map(([word]) => word)]
}
