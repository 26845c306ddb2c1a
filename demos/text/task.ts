import { Tokenizer } from '@huggingface/tokenizers'
import {
  type BertConfigFile,
  BertTokenizer,
  type LabelledTexts,
  readLabelledTexts,
  TextDataset,
  wordPieceJson,
  wordVocabulary,
} from 'wgrad/models'
import type { Settings } from './protocol.ts'
import { writeReviews } from './reviews.ts'

/** The longest text, in tokens. */
const maxLength = 48

/** Texts are filled up to a multiple of this, so that there are few lengths to compile. */
export const lengthStep = 16

/** Reviews that the page writes. */
const ownReviews = 2000

/** Every so-manieth text is kept to measure with. */
const testEvery = 10

/** What a training learns from, and the model for it. */
export interface Task {
  readonly config: BertConfigFile
  readonly tokenizer: BertTokenizer
  readonly vocabulary: readonly string[]
  readonly classes: readonly string[]
  /** The classes of a model that was loaded, where they are others. */
  readonly others: readonly string[] | null
  readonly train: TextDataset
  readonly test: TextDataset
  /** Texts that are longer than what the model reads. */
  readonly truncated: number
}

/** Reads the texts of the settings. Throws for what are no texts with classes. */
export function readTask({ texts: given, vocabulary: known, classes: loaded, hidden }: Settings): Task {
  const all = readLabelledTexts(given === '' ? writeReviews(ownReviews) : given, { name: 'the list' })
  if (all.texts.length < 2 * testEvery)
    throw new Error(
      `the list has ${all.texts.length} texts; at least ${2 * testEvery} are needed, some to measure with`,
    )
  const vocabulary = known === '' ? wordVocabulary(all.texts) : known.split('\n')
  const tokenizer = new BertTokenizer(new Tokenizer(wordPieceJson(vocabulary), {}), { maxLength })
  const encodings = all.texts.map((text) => tokenizer.encode(text))
  const part = (isTest: boolean): TextDataset => {
    const rows = encodings.flatMap((_, i) => ((i % testEvery === testEvery - 1) === isTest ? [i] : []))
    return new TextDataset(
      rows.map((i) => encodings[i]?.ids ?? []),
      rows.map((i) => all.labels[i] as number),
      { multipleOf: lengthStep, maxLength },
    )
  }
  return {
    config: configOf(all, vocabulary, hidden),
    tokenizer,
    vocabulary,
    classes: all.classes,
    others: loaded === '' || loaded === all.classes.join('\n') ? null : loaded.split('\n'),
    train: part(false),
    test: part(true),
    truncated: encodings.filter(({ truncated }) => truncated > 0).length,
  }
}

function configOf({ classes }: LabelledTexts, vocabulary: readonly string[], hidden: number): BertConfigFile {
  return {
    vocab_size: vocabulary.length,
    hidden_size: hidden,
    num_hidden_layers: 2,
    num_attention_heads: hidden / 32,
    intermediate_size: 4 * hidden,
    max_position_embeddings: maxLength,
    num_labels: classes.length,
  }
}
