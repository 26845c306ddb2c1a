import type { Caller } from 'wgrad/train'
import { lossChart } from '../common/charts.ts'
import { element } from '../common/elements.ts'
import { fileButton } from '../common/file-button.ts'
import { fileDrop } from '../common/file-drop.ts'
import { settingsForm } from '../common/settings-form.ts'
import { type TrainerPage, trainerPage } from '../common/trainer-page.ts'
import { groupList } from './groups.ts'
import type { Address, Calls, Events, SamplesSource, Settings } from './protocol.ts'
import { scatter } from './scatter.ts'

const losses = lossChart()
const picture = scatter()
const groups = groupList()
const form = settingsForm<Settings>({
  defaults: { samples: 'mnist', clusters: '10', widths: '256,256,512,10', epochs: '20', steps: '1000' },
  goal: 'steps',
  settings: ({ samples, clusters, widths = '', epochs }) => ({
    samples: samples as SamplesSource,
    clusters: Number(clusters),
    widths,
    epochs: Number(epochs),
  }),
})

const page: TrainerPage<Settings, Calls, Events> = trainerPage<Settings, Address, Calls, Events>({
  worker: () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  form,
  address: { mnist: new URLSearchParams(location.search).get('mnist') },
  fileName: ({ samples }) => `clusters-${samples}.safetensors`,
  listen,
})

fileButton('choose', 'table', ([chosen]) => page.attempt(() => giveTable(chosen)))
fileDrop(document, (dropped) => page.attempt(() => giveTable(dropped)))

/** Makes a CSV file what is clustered next. */
async function giveTable(chosen: File): Promise<void> {
  const bytes = new Uint8Array(await chosen.arrayBuffer())
  const what = await page.caller().call('table', bytes, { transfer: [bytes.buffer] })
  const { settings, goal } = form.read()
  form.write({ ...settings, samples: 'table', clusters: 3, widths: '32,32,3', epochs: 200 }, goal)
  element('source', HTMLElement).textContent = `${chosen.name}: ${what}`
}

function listen(from: Caller<Calls, Events>): void {
  from.on('samples', ({ source, shown }) => {
    groups.setSamples(shown)
    element('source', HTMLElement).textContent = `In use: ${source}`
  })
  from.on('pretrained', ({ step, loss, x, y }) => {
    page.view.fact('step', step.toLocaleString('en'))
    page.view.fact('loss', loss.toPrecision(3))
    page.view.fact('stage', 'learning codes')
    losses.set(x, y)
  })
  from.on('placed', ({ step, points, labels, examples, sizes, changed, accuracy }) => {
    page.view.fact('step', step.toLocaleString('en'))
    page.view.fact('stage', labels ? 'forming clusters' : 'learning codes')
    page.view.fact('changed', changed === null ? '–' : `${(100 * changed).toFixed(1)} %`)
    page.view.fact('accuracy', accuracy === null ? '–' : `${(100 * accuracy).toFixed(1)} %`)
    picture.set(points, labels, examples.length)
    groups.set(examples, sizes)
  })
}
