import { WgradError } from '../errors.ts'
import type { StateDict } from '../nn/module.ts'
import { DamagedFileError, decodeFile, encodeFile } from './checkpoint-file.ts'
import type { Json } from './json.ts'
import { toText } from './plain.ts'
import { type PlainState, parseState } from './plain-state.ts'
import { type CheckpointStore, checkedName } from './store.ts'
import { capture, flatten, restore, type Training, unflatten } from './training-state.ts'

/** How far a training is, and what else to keep. */
export interface Progress {
  /** Steps taken. */
  readonly step: number
  /** Epochs begun or finished, as you count them; 0 unless given. */
  readonly epoch?: number
  /** Plain data of yours: numbers (also NaN and infinite ones), texts, truth values, null, arrays and objects of them. */
  readonly extra?: unknown
}

/** Options of {@link saveCheckpoint}. */
export interface SaveOptions {
  /** How many of the newest files of this name stay; 3 unless given. */
  readonly keep?: number
  /** Told of what did not stop the saving: an old file that could not be removed. */
  readonly onWarning?: (message: string) => void
}

/** Options of {@link loadCheckpoint} and {@link readCheckpoint}. */
export interface LoadOptions {
  /**
   * Told of damaged files that were passed over, and of kernels of the saved run that this device does not have, when a
   * step turns out to need one.
   */
  readonly onWarning?: (message: string) => void
}

/** What {@link loadCheckpoint} answers. */
export interface Loaded {
  readonly step: number
  readonly epoch: number
  /** What was given as `extra`, null where nothing was. */
  readonly extra: Json
  /** The file's name in the store. */
  readonly file: string
}

/** A checkpoint as it is in the file; see {@link readCheckpoint}. */
export interface Checkpoint extends Loaded {
  /** Weights and buffers in PyTorch's keys and layout, for `model.loadStateDict`. */
  readonly model: StateDict
  /** Averages of the weights, where the training had some. */
  readonly average: StateDict
}

const writing = new WeakMap<CheckpointStore, Promise<unknown>>()

/**
 * Keeps all that decides the next bits of a training in one file of a store, and removes the oldest files of this name
 * beyond `keep`. A training that is loaded from it, in another process or page, goes on with the same bits on the
 * same device as if it had never stopped.
 *
 * The state is that of the call: steps may go on while it is read and written. Answers with the file's name, which is
 * `name`, a number that rises with each save, and `safetensors`: `digits.000012.safetensors`. A file appears whole or
 * not at all.
 *
 * The file is a safetensors file. Tensors are named by part: `model.` and the key of the state dict, `optimizer.`, the
 * key and PyTorch's name of the moment (`optimizer.0.weight.exp_avg`), `accumulator.` and `average.` with the key; all
 * in PyTorch's layout. Its notes are `format` = `wgrad.checkpoint`, `version` = `1`, `state`: JSON of all else (step,
 * epoch, extra, generator, optimizer, schedulers, loader, accumulator, average, parts, variants), where
 * `{"$number": "NaN"}` stands for a number that JSON does not have, and `sha256`, over the state and all tensors.
 *
 * @example
 * const store = await folderStore('checkpoints')
 * await saveCheckpoint(store, 'digits', { model, optimizer, loader }, { step: 400, epoch: 3 })
 * const place = await loadCheckpoint(store, 'digits', { model, optimizer, loader })
 *
 * @throws WgradError where `extra` or a part's state is no plain data, the averages stand in place of the weights, or
 * the store cannot write; the files that were there stay.
 */
export async function saveCheckpoint(
  store: CheckpointStore,
  name: string,
  training: Training,
  progress: Progress,
  options: SaveOptions = {},
): Promise<string> {
  const op = 'saveCheckpoint'
  const { keep = 3, onWarning } = options
  const { step, epoch = 0, extra = null } = progress
  checkedName(op, name)
  for (const [what, value, least] of [
    ['keep', keep, 1],
    ['step', step, 0],
    ['epoch', epoch, 0],
  ] as const)
    if (!Number.isSafeInteger(value) || value < least)
      throw new WgradError(`${op}: ${what} is ${value}; it must be a whole number of at least ${least}`)
  const extraText = toText(op, extra, 'extra')
  const captured = capture(training)
  const before = writing.get(store)
  const work = async (): Promise<string> => {
    const { plain, tensors } = await captured
    await before?.catch(() => undefined)
    const state = `${toText(op, { step, epoch, ...plain }, 'state').slice(0, -1)},"extra":${extraText}}`
    const old = await numbersOf(store, name)
    const file = fileName(name, (old[0] ?? 0) + 1)
    await store.write(file, await encodeFile({ state, tensors: flatten(tensors) }))
    for (const number of old.slice(keep - 1)) {
      const obsolete = fileName(name, number)
      await store.delete(obsolete).catch((cause: unknown) => {
        onWarning?.(`${op}: ${obsolete} could not be removed (${String(cause)}); it will be tried again`)
      })
    }
    return file
  }
  const done = work()
  writing.set(store, done)
  return done
}

/**
 * Puts a training into the state of the newest checkpoint of this name, or answers null where there is none. The
 * training must be built as the saved one was: the same model, optimizer, scheduler and other parts.
 *
 * All of the file is read and checked before anything is changed. A damaged file is passed over for the one before it,
 * and `onWarning` is told. The kernels that the saved run used are pinned (`device.variants`), as the bits depend on them.
 *
 * @throws WgradError, and changes nothing, where the checkpoint does not fit the training (tensors that are missing,
 * unexpected or of another shape; another optimizer; other parts), is of another version of the format, or where every
 * file of this name is damaged.
 */
export async function loadCheckpoint(
  store: CheckpointStore,
  name: string,
  training: Training,
  options: LoadOptions = {},
): Promise<Loaded | null> {
  const found = await newest('loadCheckpoint', store, name, options)
  if (!found) return null
  try {
    restore(training, found.plain, unflatten(found.tensors), (message) =>
      options.onWarning?.(`loadCheckpoint: ${message}`),
    )
  } catch (cause) {
    if (!(cause instanceof WgradError)) throw cause
    throw new WgradError(`loadCheckpoint: ${found.loaded.file} does not fit: ${cause.message}`)
  }
  return found.loaded
}

/**
 * The newest checkpoint of this name, without a training to put it in: `model.loadStateDict(checkpoint.model)` takes
 * the weights alone. Null where there is none.
 *
 * @throws WgradError as {@link loadCheckpoint} does for files.
 */
export async function readCheckpoint(
  store: CheckpointStore,
  name: string,
  options: LoadOptions = {},
): Promise<Checkpoint | null> {
  const found = await newest('readCheckpoint', store, name, options)
  if (!found) return null
  const { model, average } = unflatten(found.tensors)
  return { ...found.loaded, model, average }
}

/** The file of the newest checkpoint of this name, or null where there is none. */
export async function latestCheckpoint(store: CheckpointStore, name: string): Promise<string | null> {
  const [number] = await numbersOf(store, checkedName('latestCheckpoint', name))
  return number === undefined ? null : fileName(name, number)
}

interface Found {
  readonly loaded: Loaded
  readonly plain: PlainState
  readonly tensors: StateDict
}

/** The newest file that is whole. */
async function newest(op: string, store: CheckpointStore, name: string, options: LoadOptions): Promise<Found | null> {
  checkedName(op, name)
  await writing.get(store)?.catch(() => undefined)
  const faults: string[] = []
  for (const number of await numbersOf(store, name)) {
    const file = fileName(name, number)
    try {
      const source = await store.read(file)
      if (!source) continue
      const { state, tensors } = await decodeFile(source)
      const { step, epoch, extra, ...plain } = parseState(state)
      return { loaded: { step, epoch, extra, file }, plain, tensors }
    } catch (cause) {
      if (!(cause instanceof DamagedFileError)) {
        throw cause instanceof WgradError ? new WgradError(`${op}: ${file}: ${cause.message}`) : cause
      }
      faults.push(`${file}: ${cause.message}`)
      options.onWarning?.(`${op}: ${file} is passed over: ${cause.message}`)
    }
  }
  if (faults.length === 0) return null
  throw new WgradError(`${op}: no checkpoint of '${name}' is whole; ${faults.join('; ')}`)
}

function fileName(name: string, number: number): string {
  return `${name}.${String(number).padStart(6, '0')}.safetensors`
}

/** The numbers of the files of this name, newest first. */
async function numbersOf(store: CheckpointStore, name: string): Promise<number[]> {
  const numbers = (await store.list()).flatMap((file) => {
    const number = Number(file.slice(name.length + 1, -'.safetensors'.length))
    return Number.isSafeInteger(number) && fileName(name, number) === file ? [number] : []
  })
  return numbers.sort((a, b) => b - a)
}
