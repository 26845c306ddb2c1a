import { type Device, DeviceLostError, openDevice } from 'wgrad'
import { readSafetensors } from 'wgrad/io'
import type { StateDict } from 'wgrad/nn'
import { browserStore, type CheckpointStore, type Handlers, memoryStore, transferred } from 'wgrad/train'
import {
  type KeptRun,
  keepOnly,
  readFirstWeights,
  readKept,
  type Slot,
  slotOf,
  writeFirstWeights,
  writeKept,
} from './kept.ts'
import type { AtHand, Standing, TrainerCalls } from './protocol.ts'

/** Milliseconds that a page which is going away, such as before a reload, has to give its place free. */
const patience = 3000

/** One training. */
export interface TrainerSession<S> {
  readonly settings: S
  readonly standing: Standing
  /** Takes over weights, with which the training starts anew. Throws where they do not fit. */
  loadWeights(weights: StateDict): void
  /** Tells the page what it trains on, and all that was measured so far. */
  announce(): void
  /** Keeps what it needs beside its checkpoints to go on after a reload. */
  keep?(): Promise<void>
  /** Compiles what the page will ask for, so that answers come at once. */
  prepare?(): Promise<void>
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
  /** It goes on with what the store keeps; what it learns from comes from there too, whatever was given since. */
  readonly goesOn: boolean
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
  /** What is kept: of the training at hand, or of one to go on with. */
  let run: KeptRun<S> | null = null
  /** What the training at hand failed with last. */
  let failure: Error | null = null
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
  const keptRun = (): KeptRun<S> => {
    if (!run) throw new Error('no training is kept')
    return run
  }
  const atHand = (): AtHand<S> => {
    const { settings, standing } = current()
    const { amount, goal } = keptRun()
    return { settings, amount, goal, ...standing, failure: failure?.message ?? null }
  }
  const note = async (change: Partial<KeptRun<S>>): Promise<void> => {
    run = { ...keptRun(), ...change }
    await writeKept(store, run)
  }
  const make = (settings: S, slot: Slot, goesOn: boolean, signal: AbortSignal): Promise<T> => {
    if (!device) throw new Error('WebGPU is not open yet')
    return maker.make(settings, { device, store: slotOf(store, slot), goesOn }, signal)
  }
  /** Puts a training in place of the one at hand once it has begun; where that fails, the page learns again of the one at hand. */
  const begin = async (made: T, next: KeptRun<S>, signal: AbortSignal): Promise<AtHand<S>> => {
    try {
      const first = await readFirstWeights(slotOf(store, next.slot))
      if (first) made.loadWeights(await readSafetensors(first))
      made.announce()
      await made.prepare?.()
      await heed(signal)
      await made.restore()
      await heed(signal)
      if (next !== run) await writeKept(store, next)
    } catch (error) {
      made.close()
      session?.announce()
      throw error
    }
    session?.close()
    session = made
    run = next
    failure = null
    return atHand()
  }
  /** Begins a training beside what is kept, which is forgotten once it has begun. */
  const beginNew = async (
    settings: S,
    { amount, file = null }: { readonly amount: number; readonly file?: Uint8Array<ArrayBuffer> | null },
    signal: AbortSignal,
  ): Promise<AtHand<S>> => {
    const slot = run?.slot === 'a' ? 'b' : 'a'
    try {
      const made = await make(settings, slot, false, signal)
      if (file) await writeFirstWeights(slotOf(store, slot), file)
      await made.keep?.()
      return await begin(made, { settings: made.settings, amount, goal: amount, isRunning: false, slot }, signal)
    } finally {
      // What cannot be removed now is when the page opens again.
      await keepOnly(store, run?.slot ?? null).catch(() => undefined)
    }
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
        await keepOnly(lasting, kept?.slot ?? null)
        store = lasting
        run = kept
        return { adapter, kept, keepsNot: null }
      } catch {
        return { adapter, kept: null, keepsNot: 'no storage' }
      }
    },
    goOn: (_, { signal }) =>
      inTurn(async () => {
        const kept = keptRun()
        return begin(await make(kept.settings, kept.slot, true, signal), kept, signal)
      }),
    setUp: ({ settings, amount }, { signal }) => inTurn(() => beginNew(settings, { amount }, signal)),
    train: ({ goal, amount }, { signal }) =>
      inTurn(async () => {
        const training = current()
        failure = null
        try {
          await note({ goal, amount, isRunning: true })
          await training.train(goal, signal)
          await note({ isRunning: false })
        } catch (error) {
          failure = error instanceof Error ? error : new Error(String(error))
          // A GPU may be there again after a reload, which would meet anything else once more.
          if (!(error instanceof DeviceLostError)) await note({ isRunning: false }).catch(() => undefined)
          throw error
        }
        return atHand()
      }),
    standing: () =>
      inTurn(async () => {
        if (failure instanceof DeviceLostError) throw failure
        return atHand()
      }),
    async save() {
      const file = await current().weights()
      return transferred(file, [file.buffer])
    },
    load: ({ settings: asked, amount, file }, { signal }) =>
      inTurn(async () => {
        const settings = maker.settingsOf ? await maker.settingsOf(file, asked) : asked
        return beginNew(settings, { amount, file }, signal)
      }),
  }
  return { handlers, current, inTurn }
}

/** Lets messages come in, and throws where one of them has cancelled the call. */
async function heed(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve))
  signal.throwIfAborted()
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
