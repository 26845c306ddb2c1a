import { fail } from '../../errors.ts'
import type { FileSource } from '../../io/byte-source.ts'
import { type LoadedTensor, openSafetensors, type SafetensorsFile } from '../../io/safetensors.ts'
import type { Module } from '../../nn/module.ts'
import { StateTensor } from '../../nn/parameter.ts'
import { formatShape, numel, sameShape } from '../../shape.ts'

/** Options of {@link loadBertWeights}. */
export interface LoadBertOptions {
  /** Called as tensors are read: elements read so far, and of how many. */
  readonly onProgress?: (read: number, total: number) => void
}

/** What a file and a model did not have in common. */
export interface LoadedBert {
  /** Keys of the model's head or pooler that the file does not have; they keep what they started from. */
  readonly missing: readonly string[]
  /** Names in the file that the model has no place for, such as those of another head. */
  readonly unused: readonly string[]
}

const op = 'loadBertWeights'

/** The name as files have it now: TensorFlow's names of a LayerNorm's parameters are in the oldest ones. */
function modern(name: string): string {
  return name.replace(/(LayerNorm\.)gamma$/, '$1weight').replace(/(LayerNorm\.)beta$/, '$1bias')
}

/** The model's key that a name of the file stands for: files of an encoder alone leave the first part of the keys out. */
function keyOf(name: string, keys: ReadonlySet<string>): string | undefined {
  const plain = modern(name)
  return [plain, `bert.${plain}`, plain.replace(/^bert\./, '')].find((key) => keys.has(key))
}

function listed(keys: readonly string[]): string {
  return `${keys.slice(0, 4).join(', ')}${keys.length > 4 ? ` and ${keys.length - 4} more` : ''}`
}

/** Whether a key is of the encoder, which a file must have whole. */
function isEncoder(key: string): boolean {
  return /^(bert\.)?(embeddings|encoder)\./.test(key)
}

/**
 * Loads published weights of a BERT, by Hugging Face's keys, from a safetensors file: of any of its models, with or without a head, with
 * the LayerNorms' old names too. A head or pooler that the file does not have stays as it is, and so does the decoder that is tied to the
 * embeddings. Names and shapes are checked before any tensor is read, and all is read before any is written.
 *
 * @example await loadBertWeights(model, { url, bytes, sha256, onProgress })    // cached and verified
 * @example await loadBertWeights(model, await httpSource(url))
 *
 * @throws WgradError for a file that does not hold the encoder whole, and for other shapes; the model keeps its weights.
 */
export async function loadBertWeights(
  model: Module,
  source: FileSource,
  { onProgress }: LoadBertOptions = {},
): Promise<LoadedBert> {
  const file = await openSafetensors(source)
  const { names, missing, unused } = matched(model, file)
  const total = [...names.values()].reduce((sum, name) => sum + numel(file.info(name).shape), 0)
  const state: [string, LoadedTensor][] = []
  let read = 0
  for (const [key, name] of names) {
    const tensor = await file.read(name)
    state.push([key, tensor])
    read += tensor.data.length
    onProgress?.(read, total)
  }
  model.loadStateDict(Object.fromEntries(state), { strict: false })
  return { missing, unused }
}

/** Which name of the file each key of the model is read from; throws where they do not fit together. */
function matched(model: Module, file: SafetensorsFile): LoadedBert & { readonly names: ReadonlyMap<string, string> } {
  const entries = model.namedState().filter(([, value]) => value instanceof StateTensor)
  const keys = new Set(entries.map(([key]) => key))
  const names = new Map<string, string>()
  const unused: string[] = []
  for (const name of file.names) {
    const key = keyOf(name, keys)
    if (key) names.set(key, name)
    else unused.push(name)
  }
  const seen = new Set<unknown>()
  const missing: string[] = []
  const shapes: string[] = []
  for (const [key, value] of entries) {
    const name = names.get(key)
    // A parameter with two keys is read by the first one that the file has.
    if (seen.has(value)) names.delete(key)
    else if (name === undefined) missing.push(key)
    else {
      seen.add(value)
      const { shape } = file.info(name)
      const own = (value as StateTensor).shape
      if (!sameShape(shape, own)) shapes.push(`${key} is ${formatShape(shape)}, the model's is ${formatShape(own)}`)
    }
  }
  const tied = new Set(entries.filter(([, value]) => seen.has(value)).map(([key]) => key))
  const absent = missing.filter((key) => !tied.has(key))
  const lost = absent.filter(isEncoder)
  const foreign = unused.filter((name) => /encoder\.layer\.\d+\./.test(name))
  const right = 'load weights of the same architecture, with the config.json beside them'
  if (lost.length > 0) fail(op, `the file has no ${listed(lost)}; it has ${listed(file.names)}`, right)
  if (foreign.length > 0) fail(op, `the model has no place for ${listed(foreign)}`, right)
  if (shapes.length > 0) fail(op, listed(shapes), right)
  return { names, missing: absent, unused }
}
