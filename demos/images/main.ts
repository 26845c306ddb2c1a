import type { Caller } from 'wgrad/train'
import { element, make } from '../common/elements.ts'
import { fileButton } from '../common/file-button.ts'
import { fileDrop } from '../common/file-drop.ts'
import { Latest } from '../common/latest.ts'
import { settingsForm } from '../common/settings-form.ts'
import { accuracyView, stepView } from '../common/step-view.ts'
import { type TrainerPage, trainerPage } from '../common/trainer-page.ts'
import { cameraButton } from './camera.ts'
import type { Calls, Events, NetworkKind, PicturesSource, Settings } from './protocol.ts'
import { pictureView } from './view.ts'

const showSteps = stepView()
const showAccuracies = accuracyView('Test accuracy by step')
const view = pictureView()
const form = settingsForm<Settings>({
  defaults: {
    pictures: 'shapes',
    network: 'resnet20',
    trains: 'all',
    learningRate: '0.05',
    batchSize: '16',
    epochs: '20',
  },
  goal: 'epochs',
  settings: ({ pictures, network, trains, learningRate, batchSize }) => ({
    pictures: pictures as PicturesSource,
    network: network as NetworkKind,
    trains: trains as Settings['trains'],
    head: 'new',
    learningRate: Number(learningRate),
    batchSize: Number(batchSize),
  }),
})

const page: TrainerPage<Settings, Calls, Events> = trainerPage<Settings, null, Calls, Events>({
  worker: () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  form,
  address: null,
  fileName: ({ network }) => `images-${network}.safetensors`,
  listen,
  onModel: ask,
})

/** The picture at hand, which is sent anew for each look. */
let picture: Blob | null = null
const looking = new Latest(
  async (image: ImageBitmap) => page.caller().call('look', image, { transfer: [image] }),
  (look) => view.look(look, { isPassing: picture === null }),
  (image) => image.close(),
)
const camera = cameraButton({
  onFrame(image) {
    picture = null
    view.picture(image, image.width, image.height)
    if (page.settings) looking.put(image)
    else image.close()
  },
  attempt: (work) => page.attempt(work),
})

fileButton('choose', 'picture', ([file]) => page.attempt(() => show(file)))
fileDrop(element('drop', HTMLElement), (file) => page.attempt(() => show(file)))

const names = element('class-name', HTMLInputElement)
fileButton('give', 'examples', (files) => page.attempt(() => give(files)))
element('forget', HTMLButtonElement).addEventListener('click', () => {
  void page.attempt(async () => {
    await page.caller().call('noExamples', null)
    showCounts({})
  })
})

element('fetch', HTMLButtonElement).addEventListener('click', () => void page.attempt(fetchWeights))
element('url', HTMLInputElement).value = new URLSearchParams(location.search).get('weights') ?? ''

/** Shows a picture, and asks the network for what it makes of it. */
async function show(file: File): Promise<void> {
  camera.stop()
  looking.clear()
  const image = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} is no picture that this browser can read; give a PNG, JPEG or WebP file`)
  })
  view.clear()
  view.picture(image, image.width, image.height)
  image.close()
  picture = file
  ask()
}

/** Looks at the picture at hand, where there is a network to look with. */
function ask(): void {
  if (picture && page.settings) void createImageBitmap(picture).then((image) => looking.put(image))
}

/** Gives pictures as examples of the class that is named, and chooses them to be learned. */
async function give(files: readonly File[]): Promise<void> {
  const name = names.value.trim()
  if (name === '') throw new Error('the class has no name; write one, such as cup, before you give pictures of it')
  showCounts(await page.caller().call('examples', { name, files }))
  const { settings, goal } = form.read()
  form.write({ ...settings, pictures: 'own' }, goal)
}

function showCounts(counts: Readonly<Record<string, number>>): void {
  const items = Object.entries(counts).map(([name, count]) => make('li', { text: `${name}: ${count}` }))
  element('counts', HTMLUListElement).replaceChildren(...items)
}

/** Fetches weights by their address, and loads them as if they had been chosen. */
async function fetchWeights(): Promise<void> {
  const url = element('url', HTMLInputElement).value.trim()
  if (!/^https?:\/\//.test(new URL(url, location.href).href) || url === '')
    throw new Error('the address is empty; write that of a safetensors file')
  const caller = page.caller()
  const stop = caller.on('progress', ({ share }) => page.view.progress(share))
  const bytes = await caller.call('fetchWeights', new URL(url, location.href).href).finally(stop)
  page.view.progress(undefined)
  const chosen = new DataTransfer()
  chosen.items.add(new File([bytes], url.split('/').at(-1) || 'weights.safetensors'))
  const input = element('file', HTMLInputElement)
  input.files = chosen.files
  input.dispatchEvent(new Event('change'))
}

function listen(from: Caller<Calls, Events>): void {
  from.on('pictures', ({ source }) => {
    element('source', HTMLElement).textContent = `In use: ${source}`
  })
  from.on('steps', (event) => showSteps(page.view, event))
  from.on('measured', (event) => {
    showAccuracies(page.view, event)
    ask()
  })
}
