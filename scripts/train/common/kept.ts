import type { CheckpointStore } from '../../../src/train/index.ts'

/** Values of options: what decides a training, and what predicting needs to know of it. */
export type Settings = Readonly<Record<string, unknown>>

const file = 'run.json'

/** The record that lies beside the checkpoints of a system's training. */
export interface Kept {
  readonly system: string
  readonly settings: Settings
}

/** The record of a folder of checkpoints, null where there is none. */
export async function readKept(store: CheckpointStore): Promise<Kept | null> {
  const found = await store.read(file)
  return found ? (JSON.parse(await new Response(found as Blob).text()) as Kept) : null
}

/** The same of a folder that was named on a system's command line. */
async function readNamedKept(system: string, store: CheckpointStore, folder: string): Promise<Kept | null> {
  return readKept(store).catch((cause: Error) => {
    throw new Error(`${system}: --checkpoint ${folder} cannot be read (${cause.message}); name a folder`, { cause })
  })
}

/** The settings of a training of this system that a folder holds. Throws where it holds none. */
export async function settingsOf(system: string, store: CheckpointStore, folder: string): Promise<Settings> {
  const kept = await readNamedKept(system, store, folder)
  if (kept?.system !== system)
    throw new Error(
      `${system}: ${folder} holds ${kept ? `a training of ${kept.system}` : 'no training'}; name the --checkpoint of one of ${system}`,
    )
  return kept.settings
}

/** Puts the record into a folder of checkpoints. */
export async function writeKept(store: CheckpointStore, kept: Kept): Promise<void> {
  await store.write(file, new Blob([JSON.stringify(kept, null, 2)]).stream())
}

/** What may change when a training goes on, unless its system says otherwise: how long and how often to train. */
const usuallyFree: readonly string[] = ['epochs', 'steps', 'seeds']

/** How a folder is claimed. */
export interface ClaimOptions {
  /** Whether the training there is to go on. */
  readonly resume: boolean
  /** The settings that may differ then; `epochs`, `steps` and `seeds` unless given. */
  readonly free?: readonly string[]
}

/**
 * Sees to it that the folder is for this training: one without checkpoints, such as a start that failed leaves, or, where it is to go on,
 * one that was begun with the same settings, `data` being the checksum of the data among them.
 */
export async function claim(
  store: CheckpointStore,
  folder: string,
  wanted: Kept,
  { resume, free = usuallyFree }: ClaimOptions,
): Promise<void> {
  const { system } = wanted
  const kept = await readNamedKept(system, store, folder)
  const isBegun = (await store.list()).some((name) => name.endsWith('.safetensors'))
  if (kept && !isBegun) return writeKept(store, wanted)
  if (!resume) {
    if (kept)
      throw new Error(
        `${system}: --checkpoint ${folder} holds a training already; --resume goes on with it, another folder keeps both`,
      )
    return writeKept(store, wanted)
  }
  if (!kept)
    throw new Error(
      `${system}: --checkpoint ${folder} holds no training to go on with; leave --resume out to begin one`,
    )
  if (kept.system !== system)
    throw new Error(`${system}: --checkpoint ${folder} is of ${kept.system}; name a folder of ${system}`)
  const differing = Object.keys({ ...kept.settings, ...wanted.settings }).filter(
    (name) => !free.includes(name) && show(kept.settings[name]) !== show(wanted.settings[name]),
  )
  if (differing.includes('data'))
    throw new Error(
      `${system}: --checkpoint ${folder} was begun with other data; give those, or begin anew in another folder`,
    )
  if (differing.length > 0)
    throw new Error(
      `${system}: --checkpoint ${folder} was begun with ${differing.map((name) => `${name} ${show(kept.settings[name])}, not ${show(wanted.settings[name])}`).join('; ')}; give the same settings`,
    )
  await writeKept(store, wanted)
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'none'
}
