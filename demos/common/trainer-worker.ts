import { type Device, openDevice } from 'wgrad'
import { readSafetensors } from 'wgrad/io'
import type { StateDict } from 'wgrad/nn'
import { browserStore, type CheckpointStore, type Handlers, memoryStore, transferred } from 'wgrad/train'
import { forget, readFirstWeights, readKept, writeKept } from './kept.ts'
import type { Standing, TrainerCalls } from './protocol.ts'

/** Milliseconds that a page which is going away, such as before a reload, has to give its place free. */
const patience = 3000

/** One training. */
export interface TrainerSession<S> {
  readonly settings: S
  readonly standing: Standing
  /** Takes over weights, with which the training starts anew. Throws where they do not fit. */
  loadWeights(weights: StateDict): void
  /** Tells the page what it trains on. */
  announce(): void
  /** Compiles what the page will ask for, so that answers come at once. */
  prepare(): Promise<void>
  /** Goes on from what the store keeps, where it keeps something. */
  restore(): Promise<void>
  /** Trains until so much is done in all, or the signal says stop. */
  train(goal: number, signal: AbortSignal): Promise<void>
  /** The weights as a safetensors file. */
  weights(): Promise<Uint8Array<ArrayBuffer>>
  /** Gives back what it holds. */
  close(): void
}

/** Where a training lives. */
export interface TrainerPlace {
  readonly device: Device
  readonly store: CheckpointStore
}

/** What makes the trainings of a page. */
export interface TrainerMaker<S, T extends TrainerSession<S>, A> {
  /** Names the page's place in the browser's storage. */
  readonly name: string
  /** Told what the page's address says, before all else. */
  readonly open?: (address: A) => void
  /** Finds the data and makes a training that has not begun. */
  readonly make: (settings: S, place: TrainerPlace, signal: AbortSignal) => Promise<T>
  /** The settings for a file of weights: those asked for, and what the file says. */
  readonly settingsOf?: (file: Uint8Array, asked: S) => Promise<S>
}

/** The training at hand, and the handlers of the calls that all pages have. */
export interface TrainerHost<S, T extends TrainerSession<S>, A> {
  readonly handlers: Handlers<TrainerCalls<S, A>>
  /** The training at hand. Throws where there is none. */
  current(): T
  /** Does one thing after the other: what works on the training must not meet. */
  inTurn<R>(work: () => Promise<R>): Promise<R>
}

/** Hosts the trainings of a page in its worker: one at a time, kept in the browser, gone on with after a reload. */
export function trainerHost<S, T extends TrainerSession<S>, A = null>(
  maker: TrainerMaker<S, T, A>,
): TrainerHost<S, T, A> {
  let store: CheckpointStore = memoryStore()
  let device: Device | null = null
  let session: T | null = null
  let turn: Promise<unknown> = Promise.resolve()

  const inTurn = <R>(work: () => Promise<R>): Promise<R> => {
    const done = turn.then(work)
    turn = done.catch(() => undefined)
    return done
  }
  const current = (): T => {
    if (!session) throw new Error('nothing is being trained yet')
    return session
  }
  const make = (settings: S, signal: AbortSignal): Promise<T> => {
    if (!device) throw new Error('WebGPU is not open yet')
    return maker.make(settings, { device, store }, signal)
  }
  /** Puts a training that stands where the store says in place of the one at hand, of whose data the page learns again where that fails. */
  const begin = async (made: T): Promise<Standing> => {
    const first = await readFirstWeights(store)
    if (first) made.loadWeights(await readSafetensors(first))
    try {
      made.announce()
      await made.prepare()
      await made.restore()
    } catch (error) {
      session?.announce()
      throw error
    }
    session?.close()
    session = made
    return made.standing
  }

  const handlers: Handlers<TrainerCalls<S, A>> = {
    async open(address) {
      maker.open?.(address)
      device ??= await openDevice()
      const { description, software } = device.info
      const adapter = { description, software }
      if (!(await takePlace(`wgrad-${maker.name}`))) return { adapter, kept: null, keepsNot: 'other tab' }
      const lasting = browserStore(maker.name)
      try {
        const kept = await readKept<S>(lasting)
        store = lasting
        return { adapter, kept, keepsNot: null }
      } catch {
        return { adapter, kept: null, keepsNot: 'no storage' }
      }
    },
    setUp: ({ settings, anew }, { signal }) =>
      inTurn(async () => {
        const made = await make(settings, signal)
        if (anew) await forget(store)
        return begin(made)
      }),
    train: ({ goal }, { signal }) =>
      inTurn(async () => {
        const { settings } = current()
        await writeKept(store, { settings, goal, isRunning: true })
        await current().train(goal, signal)
        await writeKept(store, { settings, goal, isRunning: false })
        return current().standing
      }),
    standing: () =>
      inTurn(async () => {
        const { settings, standing } = current()
        return { settings, ...standing }
      }),
    async save() {
      const file = await current().weights()
      return transferred(file, [file.buffer])
    },
    load: ({ file, settings: asked }, { signal }) =>
      inTurn(async () => {
        const settings = maker.settingsOf ? await maker.settingsOf(file, asked) : asked
        // Weights that do not fit are refused before anything is forgotten.
        const tried = await make(settings, signal)
        tried.loadWeights(await readSafetensors(file))
        tried.close()
        await forget(store, file)
        await begin(await make(settings, signal))
        return settings
      }),
  }
  return { handlers, current, inTurn }
}

/** Takes the place in which trainings are kept, for as long as this worker lives; false where another tab has it. */
function takePlace(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const hold = (): Promise<never> => {
      resolve(true)
      return new Promise(() => undefined)
    }
    navigator.locks.request(name, { signal: AbortSignal.timeout(patience) }, hold).catch(() => resolve(false))
  })
}
