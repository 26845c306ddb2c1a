import { openSafetensors } from 'wgrad/io'
import { type CheckpointStore, servePort } from 'wgrad/train'
import { trainerHost } from '../common/trainer-worker.ts'
import type { Address, Calls, Events, SamplesSource, Settings } from './protocol.ts'
import { digitSamples, type Samples, tableSamples } from './samples.ts'
import { Session } from './session.ts'

/** Samples at most: all of them are placed again and again, and fewer on software adapters, whose time it takes. */
const most = { gpu: 5000, software: 1000 }

const tableFile = 'table.csv'

let mnist: string | null = null
/** The table that was given, and what became of it. */
let table: { readonly bytes: Uint8Array<ArrayBuffer>; readonly samples: Samples } | null = null
let found: { readonly of: SamplesSource; readonly samples: Samples } | null = null
/** Those that the page has. */
let told: Samples | null = null

const host = trainerHost<Settings, Session, Address>({
  name: 'clusters-demo',
  open: (address) => {
    mnist = address.mnist
  },
  async make(settings, place, signal) {
    const samples = await samplesFor(settings.samples, { ...place, isSoftware: place.device.info.software, signal })
    return new Session(settings, {
      ...place,
      samples,
      // Once nothing else is kept there.
      keep: async (store) => {
        if (settings.samples === 'table' && table) await store.write(tableFile, new Blob([table.bytes]).stream())
      },
      listener: {
        announce: () => tell(samples),
        progress: (what, share) => server.emit('progress', { what, share }),
        pretrained: (event) => server.emit('pretrained', event, [event.x.buffer, event.y.buffer]),
        placed: (event) => server.emit('placed', event, [event.points.buffer]),
      },
    })
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
    table = { bytes, samples }
    found = null
    return samples.source
  },
})

/** The samples that a training needs. */
async function samplesFor(
  source: SamplesSource,
  options: { readonly store: CheckpointStore; readonly isSoftware: boolean; readonly signal: AbortSignal },
): Promise<Samples> {
  if (found?.of === source) return found.samples
  const samples = source === 'table' ? await givenTable(options.store) : await digits(source, options)
  found = { of: source, samples }
  return samples
}

function tell(samples: Samples): void {
  if (samples === told) return
  told = samples
  server.emit('samples', { source: samples.source, shown: samples.shown })
}

async function givenTable(store: CheckpointStore): Promise<Samples> {
  if (!table) {
    const file = await store.read(tableFile)
    if (!file) throw new Error('no table was given; choose a CSV file first')
    const bytes = new Uint8Array(await new Response(file as Blob).arrayBuffer())
    table = { bytes, samples: tableSamples(bytes) }
  }
  return table.samples
}

async function digits(
  source: 'mnist' | 'drawn',
  { isSoftware, signal }: { readonly isSoftware: boolean; readonly signal: AbortSignal },
): Promise<Samples> {
  const onProgress = (what: string, share: number): void => server.emit('progress', { what, share })
  server.emit('progress', { what: source === 'drawn' ? 'Drawing digits' : 'Fetching MNIST', share: null })
  return digitSamples(source, isSoftware ? most.software : most.gpu, { mnist, signal, onProgress })
}
