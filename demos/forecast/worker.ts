import { openSafetensors } from 'wgrad/io'
import { servePort } from 'wgrad/train'
import { type TrainerPlace, trainerHost } from '../common/trainer-worker.ts'
import type { Calls, Events, Settings } from './protocol.ts'
import { drawnSeries, type Found, fileSeries } from './series.ts'
import { Session } from './session.ts'

const fileName = 'series.csv'

interface GivenSeries {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly found: Found
}

/** The file that was given, and the series in it; the training at hand may have another. */
let given: GivenSeries | null = null

const host = trainerHost<Settings, Session>({
  name: 'forecast-demo',
  async make(settings, place) {
    const { series } = settings
    const { found, bytes } = series === 'file' ? await fileFor(place) : { found: drawnSeries(series), bytes: null }
    return new Session(settings, {
      ...place,
      found,
      keep: async () => {
        if (bytes) await place.store.write(fileName, new Blob([bytes]).stream())
      },
      listener: {
        announce: () => server.emit('series', { source: found.source, columns: found.series.names }),
        progress: (what, share) => server.emit('progress', { what, share }),
        steps: (event) => server.emit('steps', event, [event.x.buffer, event.y.buffer]),
        forecast: (event) => server.emit('forecast', event),
      },
    })
  },
  async settingsOf(file, asked) {
    const { cell, window, horizon, hidden } = (await openSafetensors(file)).metadata
    if ((cell !== 'lstm' && cell !== 'gru' && cell !== 'rnn') || !window || !horizon || !hidden)
      throw new Error('the file does not say which network it is of; load one that was saved here')
    return { ...asked, cell, window: Number(window), horizon: Number(horizon), hidden: Number(hidden) }
  },
})

const server = servePort<Calls, Events>(self, {
  ...host.handlers,
  file(bytes) {
    const found = fileSeries(bytes)
    given = { bytes, found }
    return { columns: found.series.names, rows: found.series.shape[0] ?? 0 }
  },
})

/** The file that was given, or that a training goes on with. */
async function fileFor({ store, goesOn }: TrainerPlace): Promise<GivenSeries> {
  if (given && !goesOn) return given
  const file = await store.read(fileName)
  if (!file) throw new Error('no file was given; choose a CSV file first')
  const bytes = new Uint8Array(await new Response(file as Blob).arrayBuffer())
  const kept = { bytes, found: fileSeries(bytes) }
  given ??= kept
  return kept
}
