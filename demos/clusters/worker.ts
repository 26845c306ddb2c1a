import { openSafetensors } from 'wgrad/io'
import { servePort } from 'wgrad/train'
import { type TrainerPlace, trainerHost } from '../common/trainer-worker.ts'
import type { Address, Calls, Events, Settings } from './protocol.ts'
import { digitSamples, type Samples, tableSamples } from './samples.ts'
import { Session } from './session.ts'

/** Samples at most: all of them are placed again and again, and fewer on software adapters, whose time it takes. */
const most = { gpu: 5000, software: 1000 }

const tableFile = 'table.csv'

/** Samples, and the file that they are from where it is to be kept. */
interface Found {
  readonly samples: Samples
  readonly bytes: Uint8Array<ArrayBuffer> | null
}

let mnist: string | null = null
/** The table that was given; the training at hand may have another. */
let given: Found | null = null
/** Digits that were looked for before. */
let digits: Found | null = null
/** Those that the page has. */
let told: Samples | null = null

const host = trainerHost<Settings, Session, Address>({
  name: 'clusters-demo',
  open: (address) => {
    mnist = address.mnist
  },
  async make(settings, place, signal) {
    const { samples: asked } = settings
    const { samples, bytes } = asked === 'table' ? await tableFor(place) : await digitsFor(asked, place, signal)
    return new Session(
      { ...settings, samples: samples.of },
      {
        ...place,
        samples,
        keep: async () => {
          if (bytes) await place.store.write(tableFile, new Blob([bytes]).stream())
        },
        listener: {
          announce: () => tell(samples),
          progress: (what, share) => server.emit('progress', { what, share }),
          pretrained: (event) => server.emit('pretrained', event, [event.x.buffer, event.y.buffer]),
          placed: (event) => server.emit('placed', event),
        },
      },
    )
  },
  async settingsOf(file, asked) {
    const { widths, clusters } = (await openSafetensors(file)).metadata
    if (!widths || !clusters)
      throw new Error('the file does not say which layers it is of; load one that was saved here')
    return { ...asked, widths, clusters: Number(clusters) }
  },
})

const server = servePort<Calls, Events>(self, {
  ...host.handlers,
  table(bytes) {
    const samples = tableSamples(bytes)
    given = { bytes, samples }
    return samples.source
  },
})

function tell(samples: Samples): void {
  if (samples === told) return
  told = samples
  server.emit('samples', { source: samples.source, shown: samples.shown })
}

/** The table that was given, or that a training goes on with. */
async function tableFor({ store, goesOn }: TrainerPlace): Promise<Found> {
  if (given && !goesOn) return given
  const file = await store.read(tableFile)
  if (!file) throw new Error('no table was given; choose a CSV file first')
  const bytes = new Uint8Array(await new Response(file as Blob).arrayBuffer())
  const found = { bytes, samples: tableSamples(bytes) }
  given ??= found
  return found
}

/** The digits that a training needs. */
async function digitsFor(source: 'mnist' | 'drawn', { device }: TrainerPlace, signal: AbortSignal): Promise<Found> {
  if (digits?.samples.of === source) return digits
  const onProgress = (what: string, share: number): void => server.emit('progress', { what, share })
  server.emit('progress', { what: source === 'drawn' ? 'Drawing digits' : 'Fetching MNIST', share: null })
  const few = device.info.software ? most.software : most.gpu
  const samples = await digitSamples(source, few, { mnist, signal, onProgress })
  const found = { samples, bytes: null }
  // Digits that stand in for others are looked for again.
  if (samples.of === source) digits = found
  return found
}
