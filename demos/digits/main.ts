import type { Caller } from 'wgrad/train'
import { element } from '../common/elements.ts'
import { Latest } from '../common/latest.ts'
import { accuracyView, stepView } from '../common/step-view.ts'
import { type TrainerPage, trainerPage } from '../common/trainer-page.ts'
import { answerView } from './answer.ts'
import { drawingPad } from './pad.ts'
import type { Address, Calls, Events, Settings } from './protocol.ts'
import { sampleGrid } from './samples.ts'
import { digitsForm } from './settings.ts'
import { toDigit } from './strokes.ts'

const showSteps = stepView()
const showAccuracies = accuracyView('Test accuracy by step')
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
  from.on('steps', (event) => {
    showSteps(page.view, event)
    ask()
  })
  from.on('measured', (event) => {
    showAccuracies(page.view, event)
    samples.setRead(event)
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
