import type { Caller } from 'wgrad/train'
import { element } from '../common/elements.ts'
import { fileDrop } from '../common/file-drop.ts'
import { Latest } from '../common/latest.ts'
import { accuracyView, stepView } from '../common/step-view.ts'
import { type TrainerPage, trainerPage } from '../common/trainer-page.ts'
import { answerView } from './answer.ts'
import type { Answer, Calls, Events, Settings } from './protocol.ts'
import { textForm } from './settings.ts'

const showSteps = stepView()
const showAccuracies = accuracyView('Accuracy by step')
const answer = answerView()
const text = element('text', HTMLTextAreaElement)

const reading = new Latest<string, Answer | string>(
  (asked) =>
    page
      .caller()
      .call('classify', asked)
      .catch((error: Error) => error.message),
  (found) => {
    if (text.value.trim() === '') answer.clear('Write something')
    else if (typeof found === 'string') answer.clear(found)
    else answer.show(found)
  },
)

const page: TrainerPage<Settings, Calls, Events> = trainerPage<Settings, null, Calls, Events>({
  worker: () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  form: textForm(),
  address: null,
  fileName: ({ hidden }) => `text-${hidden}.safetensors`,
  listen,
  onModel: ask,
})

answer.clear('It answers when it has been trained')
text.addEventListener('input', ask)
const texts = element('texts', HTMLTextAreaElement)
fileDrop(texts, (file) =>
  page.attempt(async () => {
    texts.value = await file.text()
    texts.dispatchEvent(new InputEvent('input', { bubbles: true }))
  }),
)

function listen(from: Caller<Calls, Events>): void {
  from.on('texts', ({ classes, others, train, test, words, truncated }) => {
    const count = (n: number): string => n.toLocaleString('en')
    const cut = truncated > 0 ? `; ${count(truncated)} texts are too long and were cut` : ''
    const fresh = others
      ? ` The weights that were loaded tell ${others.join(', ')} apart, so the classifier is a new one.`
      : ''
    element('source', HTMLElement).textContent =
      `In use: ${count(train)} texts to train on and ${count(test)} to measure with, of ${classes.join(', ')}; ${count(words)} tokens${cut}.${fresh}`
  })
  from.on('steps', (event) => showSteps(page.view, event))
  from.on('measured', (event) => {
    showAccuracies(page.view, event)
    ask()
  })
}

/** Asks the model for what it makes of the text at hand. */
function ask(): void {
  if (text.value.trim() === '') {
    reading.clear()
    answer.clear('Write something')
  } else if (page.settings) reading.put(text.value)
}
