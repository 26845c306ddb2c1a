import type { Caller } from 'wgrad/train'
import { lossChart, percentChart } from '../common/charts.ts'
import { element } from '../common/elements.ts'
import { Latest } from '../common/latest.ts'
import { type TrainerPage, trainerPage } from '../common/trainer-page.ts'
import { answerView } from './answer.ts'
import { drawingPad } from './pad.ts'
import type { Address, Calls, Events, Settings } from './protocol.ts'
import { sampleGrid } from './samples.ts'
import { digitsForm } from './settings.ts'
import { toDigit } from './strokes.ts'

const losses = lossChart()
const accuracies = percentChart('accuracy-chart', 'Test accuracy by step')
const answer = answerView()
const samples = sampleGrid((pixels) => {
  pad.clear()
  look(pixels)
})
const pad = drawingPad((strokes) => {
  samples.unpick()
  look(toDigit(strokes))
})

/** The digit that is being looked at. */
let looking: Float32Array<ArrayBuffer> | null = null
const reading = new Latest(
  (pixels: Float32Array<ArrayBuffer>) => page.caller().call('classify', pixels),
  (probabilities) => {
    if (looking) answer.show(probabilities)
  },
)

const page: TrainerPage<Settings, Calls, Events> = trainerPage<Settings, Address, Calls, Events>({
  worker: () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  form: digitsForm(),
  // For those who host their own: `?mnist=../mnist/`.
  address: { mnist: new URLSearchParams(location.search).get('mnist') },
  fileName: ({ network }) => `digits-${network}.safetensors`,
  listen,
  onModel: ask,
})

element('clear', HTMLButtonElement).addEventListener('click', () => {
  pad.clear()
  samples.unpick()
  look(null)
})

function listen(from: Caller<Calls, Events>): void {
  from.on('digits', ({ source, images, labels }) => {
    samples.setDigits({ images, labels })
    element('source', HTMLElement).textContent = `In use: ${source}`
  })
  from.on('steps', ({ step, epoch, loss, stepsPerSecond, x, y }) => {
    page.view.fact('step', step.toLocaleString('en'))
    page.view.fact('epoch', `${epoch.toFixed(1)}`)
    page.view.fact('loss', loss === null ? '–' : loss.toPrecision(3))
    page.view.fact('speed', stepsPerSecond === null ? '–' : stepsPerSecond.toPrecision(3))
    losses.set(x, y)
    ask()
  })
  from.on('measured', ({ accuracy, read, sure, steps, accuracies: shares }) => {
    page.view.fact('accuracy', `${(100 * accuracy).toFixed(1)} %`)
    accuracies.set(
      steps,
      shares.map((share) => 100 * share),
    )
    samples.setRead({ read, sure })
    ask()
  })
}

/** Shows a digit, and asks the network for what it makes of it. */
function look(pixels: Float32Array<ArrayBuffer> | null): void {
  looking = pixels
  if (pixels) {
    answer.see(pixels)
    ask()
  } else {
    reading.clear()
    answer.clear()
  }
}

/** Asks the network for what it makes of the digit at hand. */
function ask(): void {
  if (looking && page.settings) reading.put(looking)
}
