import { openAsBlob } from 'node:fs'
import { readFile, realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { writeSafetensors } from '../../src/io/index.ts'
import {
  type BertConfigFile,
  BertForSequenceClassification,
  BertTokenizer,
  loadBertWeights,
  type WordPieceOptions,
  wordPieceJson,
} from '../../src/models/index.ts'
import type { StateDict } from '../../src/nn/index.ts'
import { prepareOutput, writeOutput } from './common/output.ts'

const weightsFile = 'model.safetensors'
const tokenizerConfig = 'tokenizer_config.json'

/**
 * A model as Hugging Face keeps it in a folder: `config.json`, `tokenizer.json`, or `vocab.txt` with what `tokenizer_config.json` says of its
 * case, and `model.safetensors`.
 */
export interface BertFolder {
  readonly config: BertConfigFile
  /** What `tokenizer.json` says. */
  readonly tokenizerJson: object
  readonly weights: Blob
}

/** Reads what a folder has; weights are read when they are loaded. */
export async function openBertFolder(folder: string): Promise<BertFolder> {
  const read = (name: string): Promise<string> =>
    readFile(join(folder, name), 'utf8').catch((cause: Error) => {
      throw new Error(
        `bert: ${join(folder, name)} cannot be read (${cause.message}); a model is a folder with config.json, tokenizer.json or vocab.txt, and model.safetensors`,
        { cause },
      )
    })
  const config = parse(folder, 'config.json', await read('config.json')) as BertConfigFile
  const parsed = async (name: string): Promise<object | null> => {
    const text = await readFile(join(folder, name), 'utf8').catch(() => null)
    return text === null ? null : (parse(folder, name, text) as object)
  }
  const tokenizerJson =
    (await parsed('tokenizer.json')) ?? wordPieceJson(await read('vocab.txt'), caseOf(await parsed(tokenizerConfig)))
  const weights = await openAsBlob(join(folder, weightsFile)).catch((cause: Error) => {
    throw new Error(`bert: ${join(folder, weightsFile)} cannot be read (${cause.message})`, { cause })
  })
  return { config, tokenizerJson, weights }
}

/** What a `tokenizer_config.json` says of a vocabulary. */
function caseOf(found: object | null): WordPieceOptions {
  const { do_lower_case: lowercase } = (found ?? {}) as { readonly do_lower_case?: boolean }
  return lowercase === undefined ? {} : { lowercase }
}

function parse(folder: string, name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`bert: ${join(folder, name)} is no JSON (${(cause as Error).message})`, { cause })
  }
}

/** The tokenizer of a folder, for texts that a model takes. */
export function tokenizerOf(tokenizerJson: object, maxLength: number): BertTokenizer {
  try {
    return new BertTokenizer(new Tokenizer(tokenizerJson, {}), { maxLength })
  } catch (cause) {
    throw new Error(`bert: tokenizer.json is of no tokenizer (${(cause as Error).message}); give that of the model`, {
      cause,
    })
  }
}

/** The classifier that a folder holds, with its tokenizer. */
export async function loadClassifier(
  folder: string,
): Promise<{ model: BertForSequenceClassification; tokenizer: BertTokenizer; classes: string[] }> {
  const { config, tokenizerJson, weights } = await openBertFolder(folder)
  const model = new BertForSequenceClassification(config)
  const { missing } = await loadBertWeights(model, weights)
  if (missing.length > 0)
    throw new Error(`bert: the weights in ${folder} have no ${missing.join(', ')}; name a folder of a classifier`)
  const { num_labels, id2label, max_position_embeddings } = model.bert.config
  const classes = Array.from({ length: num_labels }, (_, i) => id2label[i] ?? String(i))
  return { model: model.eval(), tokenizer: tokenizerOf(tokenizerJson, max_position_embeddings), classes }
}

/**
 * Makes the folder that a trained model is to be kept in, before the work. It must not be the one that `from` names: each seed begins with
 * the weights there, and a training that goes on does again.
 */
export async function prepareBertFolder(folder: string, from: string | undefined): Promise<void> {
  const whole = (path: string): Promise<string> => realpath(path).catch(() => resolve(path))
  if (from !== undefined && (await whole(folder)) === (await whole(from)))
    throw new Error(`bert: --save ${folder} is the folder of --model, which trainings begin with; name another folder`)
  await prepareOutput('bert', '--save', join(folder, weightsFile))
}

/** Writes a folder that {@link openBertFolder} and other programs read. */
export async function writeBertFolder(
  folder: string,
  { config, tokenizerJson }: Pick<BertFolder, 'config' | 'tokenizerJson'>,
  state: StateDict,
): Promise<void> {
  const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`
  await writeOutput(join(folder, weightsFile), writeSafetensors(state, { metadata: { format: 'pt' } }))
  await writeOutput(join(folder, 'config.json'), json({ model_type: 'bert', ...config }))
  await writeOutput(join(folder, 'tokenizer.json'), json(tokenizerJson))
  const { normalizer } = tokenizerJson as { readonly normalizer?: { readonly lowercase?: boolean } | null }
  const { max_position_embeddings: model_max_length = 512 } = config
  const rules = { tokenizer_class: 'BertTokenizer', do_lower_case: normalizer?.lowercase === true, model_max_length }
  await writeOutput(join(folder, tokenizerConfig), json(rules))
}
