import { httpSource } from 'wgrad/io'
import { type ImageModelConfig, loadImageModel } from 'wgrad/models'
import type { StateDict } from 'wgrad/nn'
import { servePort, transferred } from 'wgrad/train'
import { readFirstWeights } from '../common/kept.ts'
import { type TrainerPlace, trainerHost } from '../common/trainer-worker.ts'
import {
  drawShapes,
  type PictureSet,
  type Pictures,
  packPictures,
  pictureSet,
  readPicture,
  unpackPictures,
} from './pictures.ts'
import type { Calls, Events, NetworkKind, PicturesSource, Settings } from './protocol.ts'
import { Session } from './session.ts'

const [picturesFile, networkFile] = ['pictures.bin', 'network.safetensors']

/** Shapes of each kind. */
const shapes = 30

/** Weights that were loaded, and what they are of. */
interface LoadedNetwork {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly config: ImageModelConfig
  readonly backbone: StateDict
}

/** Pictures that were given; the training at hand may have others. */
const given = new Map<string, Uint8Array<ArrayBuffer>[]>()
let network: LoadedNetwork | null = null

const host = trainerHost<Settings, Session>({
  name: 'images-demo',
  make: (settings, place) => makeSession(settings, place),
  async settingsOf(file, asked) {
    network = await readNetwork(Uint8Array.from(file))
    return { ...asked, network: 'loaded', head: 'loaded' }
  },
})

const server = servePort<Calls, Events>(self, {
  ...host.handlers,
  async look(picture) {
    try {
      const look = await host.current().look(picture)
      return transferred(look, [look.heat.buffer])
    } finally {
      picture.close()
    }
  },
  async examples({ name, files }) {
    // All are read before any is taken, so that a bad one leaves nothing behind; one by one, as a decoded one is large.
    const read: Uint8Array<ArrayBuffer>[] = []
    for (const file of files) read.push(await readPicture(file))
    given.set(name, [...(given.get(name) ?? []), ...read])
    return counts(given)
  },
  noExamples() {
    given.clear()
    return null
  },
  async fetchWeights(url) {
    server.emit('progress', { what: 'Fetching weights', share: 0 })
    const onProgress = (received: number, total: number | undefined): void => {
      server.emit('progress', { what: 'Fetching weights', share: total ? received / total : null })
    }
    const source = await httpSource(url, { onProgress })
    const bytes = await source.read(0, source.size)
    return transferred(bytes, [bytes.buffer])
  },
})

async function makeSession(settings: Settings, place: TrainerPlace): Promise<Session> {
  const loaded = settings.network === 'loaded' ? await networkFor(place) : null
  if (!loaded && settings.trains === 'head')
    throw new Error(
      'a network with fresh weights has learned nothing to build on; let all of it learn, or load weights',
    )
  const what = settings.pictures === 'shapes' ? 'Drawing shapes' : 'Preparing pictures'
  server.emit('progress', { what, share: null })
  const pictures = await picturesFor(settings.pictures, place)
  const isWhole = settings.head === 'loaded' && loaded !== null
  // Weights that were just loaded can look at pictures without learning from any.
  const set = isWhole && pictures.size === 0 ? null : pictureSet(pictures, loaded?.config.size ?? 32)
  const config = isWhole ? loaded.config : configFor(settings.network, set?.classes ?? [], loaded?.config ?? null)
  const isFor = set !== null && set.classes.join('\n') === config.classes.join('\n')
  const learned = set ? sourceOf(set, settings.pictures) : 'no pictures to learn from'
  const source = isFor ? learned : `weights of ${config.classes.length} classes, to look with`
  return new Session(settings, {
    ...place,
    config,
    backbone: loaded && !isWhole ? loaded.backbone : null,
    pictures: isFor ? set : null,
    listener: {
      announce: () => server.emit('pictures', { source }),
      progress: (doing, share) => server.emit('progress', { what: doing, share }),
      steps: (event) => server.emit('steps', event, [event.x.buffer, event.y.buffer]),
      measured: (event) => server.emit('measured', event, [event.steps.buffer, event.accuracies.buffer]),
    },
    async keep() {
      const { store } = place
      if (settings.pictures === 'own') await store.write(picturesFile, packPictures(pictures).stream())
      // Where the head is the file's too, the file itself is kept.
      if (loaded && !isWhole) await store.write(networkFile, new Blob([loaded.bytes]).stream())
    },
  })
}

/** The form of a network for these classes. */
function configFor(kind: NetworkKind, classes: readonly string[], loaded: ImageModelConfig | null): ImageModelConfig {
  // Pictures are learnt from whole, and looked at so.
  if (loaded) return { ...loaded, classes, cropShare: 1 }
  const half = [0.5, 0.5, 0.5]
  const width = kind === 'quarter' ? 4 : 16
  return { architecture: 'resnet20', classes, channels: 3, size: 32, mean: half, std: half, width }
}

async function picturesFor(source: PicturesSource, { store, goesOn }: TrainerPlace): Promise<Pictures> {
  if (source === 'shapes') return drawShapes(shapes, 1)
  if (!goesOn) return new Map(given)
  const kept = await store.read(picturesFile)
  const pictures: Pictures = kept ? await unpackPictures(await blobOf(kept)) : new Map()
  if (given.size === 0) for (const [name, all] of pictures) given.set(name, [...all])
  return pictures
}

/** The weights that were loaded, before a reload perhaps. */
async function networkFor({ store, goesOn }: TrainerPlace): Promise<LoadedNetwork> {
  if (network && !goesOn) return network
  const kept = (await store.read(networkFile)) ?? (await readFirstWeights(store))
  if (!kept) throw new Error('no weights were loaded; load a file, or choose another network')
  network = await readNetwork(new Uint8Array(await (await blobOf(kept)).arrayBuffer()))
  return network
}

/** Reads weights, and refuses those of something else. */
async function readNetwork(bytes: Uint8Array<ArrayBuffer>): Promise<LoadedNetwork> {
  const { model, config } = await loadImageModel(bytes)
  if (config.channels !== 3) throw new Error('the weights are for grey pictures; load some for pictures in colour')
  const state = Object.entries(await model.stateDict())
  return { bytes, config, backbone: Object.fromEntries(state.filter(([key]) => !key.startsWith('fc.'))) }
}

function blobOf(file: Blob | Uint8Array): Promise<Blob> {
  return new Response(file as Blob).blob()
}

function counts(pictures: Pictures): Record<string, number> {
  return Object.fromEntries([...pictures].map(([name, all]) => [name, all.length]))
}

function sourceOf({ train, test, classes }: PictureSet, source: PicturesSource): string {
  const what = source === 'shapes' ? 'shapes drawn by this page' : 'pictures of yours'
  return `${what}: ${classes.join(', ')}; ${train.length} to learn from, ${test.length} to test with`
}
