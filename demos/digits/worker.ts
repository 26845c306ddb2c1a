import { type Device, openDevice } from 'wgrad'
import { openSafetensors, readSafetensors } from 'wgrad/io'
import { browserStore, type CheckpointStore, memoryStore, servePort, transferred } from 'wgrad/train'
import { type Digits, findDigits } from './find-digits.ts'
import { forget, readFirstWeights, readKept, writeKept } from './kept.ts'
import type { Calls, DigitsSource, Events, NetworkKind, Settings, Setup } from './protocol.ts'
import { Session } from './session.ts'

/** Software adapters measure on fewer digits, since that is most of what they do. */
const softwareTest = 1000

/** Milliseconds that a page which is going away, such as before a reload, has to give its place free. */
const patience = 3000

let store: CheckpointStore = memoryStore()
let device: Device | null = null
let digits: { of: DigitsSource; found: Digits } | null = null
let session: Session | null = null
let turn: Promise<unknown> = Promise.resolve()

const server = servePort<Calls, Events>(self, {
  async open() {
    device ??= await openDevice()
    const { description, software } = device.info
    const adapter = { description, software }
    if (!(await takePlace())) return { adapter, kept: null, keepsNot: 'other tab' }
    const lasting = browserStore('digits-demo')
    try {
      const kept = await readKept(lasting)
      store = lasting
      return { adapter, kept, keepsNot: null }
    } catch {
      return { adapter, kept: null, keepsNot: 'no storage' }
    }
  },
  setUp: ({ anew, ...setup }, { signal }) =>
    inTurn(async () => {
      const found = await digitsFor(setup, signal)
      if (anew) await forget(store)
      return begin(setup.settings, found)
    }),
  train: ({ epochs }, { signal }) =>
    inTurn(async () => {
      const { settings } = current()
      await writeKept(store, { settings, epochs, isRunning: true })
      await current().train(epochs, signal)
      await writeKept(store, { settings, epochs, isRunning: false })
      return current().standing
    }),
  standing: () => inTurn(async () => current().standing),
  async classify(pixels) {
    const probabilities = await current().classify(pixels)
    return transferred(probabilities, [probabilities.buffer])
  },
  async save() {
    const file = await current().weights()
    return transferred(file, [file.buffer])
  },
  load: ({ file, ...setup }, { signal }) =>
    inTurn(async () => {
      const settings = { ...setup.settings, network: await networkOf(file) }
      const found = await digitsFor({ ...setup, settings }, signal)
      // Weights that do not fit are refused before anything is forgotten.
      makeSession(settings, found).loadWeights(await readSafetensors(file))
      await forget(store, file)
      await begin(settings, found)
      return settings
    }),
})

/** Takes the place in which trainings are kept, for as long as this worker lives; false where another tab has it. */
function takePlace(): Promise<boolean> {
  return new Promise((resolve) => {
    const hold = (): Promise<never> => {
      resolve(true)
      return new Promise(() => undefined)
    }
    navigator.locks
      .request('wgrad-digits-demo', { signal: AbortSignal.timeout(patience) }, hold)
      .catch(() => resolve(false))
  })
}

function current(): Session {
  if (!session) throw new Error('nothing is being trained yet')
  return session
}

/** Does one thing after the other: what works on the training must not meet. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const done = turn.then(work)
  turn = done.catch(() => undefined)
  return done
}

/** The digits that a training needs; told of when they are others than before. */
async function digitsFor({ settings, mnist }: Setup, signal: AbortSignal): Promise<Digits> {
  if (digits?.of === settings.digits) return digits.found
  const onProgress = (what: string, share: number): void => server.emit('progress', { what, share })
  server.emit('progress', { what: settings.digits === 'drawn' ? 'Drawing digits' : 'Fetching MNIST', share: null })
  const all = await findDigits(settings.digits, { mnist, signal, onProgress })
  const most = device?.info.software ? Math.min(softwareTest, all.test.length) : all.test.length
  const found = { ...all, test: all.test.slice(0, most) }
  digits = { of: settings.digits, found }
  const images = Uint8Array.from(found.test.fields.x.data)
  const labels = Uint8Array.from(found.test.fields.y.data)
  server.emit('digits', { source: found.source, images, labels }, [images.buffer, labels.buffer])
  return found
}

/** A training that stands where the store says, in place of the one at hand. */
async function begin(settings: Settings, found: Digits): Promise<Session['standing']> {
  const made = makeSession(settings, found)
  const first = await readFirstWeights(store)
  if (first) made.loadWeights(await readSafetensors(first))
  await made.prepare()
  await made.restore()
  session?.close()
  session = made
  return made.standing
}

function makeSession(settings: Settings, found: Digits): Session {
  if (!device) throw new Error('WebGPU is not open yet')
  return new Session(settings, {
    device,
    store,
    digits: found,
    listener: {
      progress: (what, share) => server.emit('progress', { what, share }),
      steps: (event) => server.emit('steps', event, [event.x.buffer, event.y.buffer]),
      measured: (event) => {
        const { read, sure, steps, accuracies } = event
        server.emit('measured', event, [read.buffer, sure.buffer, steps.buffer, accuracies.buffer])
      },
    },
  })
}

/** Which network a file of weights is of. */
async function networkOf(file: Uint8Array): Promise<NetworkKind> {
  const { network } = (await openSafetensors(file)).metadata
  if (network === 'cnn' || network === 'mlp') return network
  throw new Error('the file does not say which network it is of; load one that was saved here')
}
