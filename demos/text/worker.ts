import { openSafetensors } from 'wgrad/io'
import { servePort, transferred } from 'wgrad/train'
import { trainerHost } from '../common/trainer-worker.ts'
import type { Calls, Events, Settings } from './protocol.ts'
import { Session } from './session.ts'
import { readTask } from './task.ts'

const host = trainerHost<Settings, Session, null>({
  name: 'text-demo',
  async make(settings, place) {
    const task = readTask(settings)
    const { classes, others, train, test, vocabulary, truncated } = task
    const told = { classes, others, train: train.length, test: test.length, words: vocabulary.length, truncated }
    return new Session(settings, place, task, {
      announce: () => server.emit('texts', told),
      progress: (what, share) => server.emit('progress', { what, share }),
      steps: (event) => server.emit('steps', event, [event.x.buffer, event.y.buffer]),
      measured: (event) => server.emit('measured', event, [event.steps.buffer, event.accuracies.buffer]),
    })
  },
  settingsOf: async (file, asked) => ({ ...asked, ...(await modelOf(file)) }),
})

const server = servePort<Calls, Events>(self, {
  ...host.handlers,
  async classify(text) {
    const answer = await host.current().classify(text)
    const { probabilities, attributions, attention } = answer
    return transferred(answer, [probabilities.buffer, attributions.buffer, attention.buffer])
  },
})

/** The model that a file of weights is of. */
async function modelOf(file: Uint8Array): Promise<Pick<Settings, 'hidden' | 'vocabulary' | 'classes'>> {
  const { hidden, vocabulary, classes = '' } = (await openSafetensors(file)).metadata
  if (!hidden || !vocabulary || !(Number(hidden) > 0))
    throw new Error('the file does not say which words its model knows; load one that was saved here')
  return { hidden: Number(hidden), vocabulary, classes }
}
