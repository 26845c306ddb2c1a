import { element } from '../common/elements.ts'
import { type SettingsForm, settingsForm } from '../common/settings-form.ts'
import type { Settings } from './protocol.ts'

/** The form of the page, with the list of texts below it. */
export function textForm(): SettingsForm<Settings> {
  const choices = settingsForm<Omit<Settings, 'texts' | 'vocabulary' | 'classes'>>({
    defaults: { hidden: '64', learningRate: '0.001', batchSize: '32', epochs: '5' },
    goal: 'epochs',
    settings: ({ hidden, learningRate, batchSize }) => ({
      hidden: Number(hidden),
      learningRate: Number(learningRate),
      batchSize: Number(batchSize),
    }),
  })
  const list = element('texts', HTMLTextAreaElement)
  // The words of a model that was loaded, for as long as its texts stay.
  let vocabulary = ''
  list.addEventListener('input', () => {
    vocabulary = ''
  })
  return {
    read() {
      const { settings, goal } = choices.read()
      return { settings: { ...settings, texts: list.value.trim(), vocabulary, classes: '' }, goal }
    },
    write({ texts, vocabulary: known, classes: _, ...settings }, goal) {
      choices.write(settings, goal)
      list.value = texts
      vocabulary = known
    },
    differs: ({ texts, vocabulary: _, classes: __, ...settings }) =>
      choices.differs(settings) || texts !== list.value.trim(),
    onChange(listener) {
      choices.onChange(listener)
      list.addEventListener('input', listener)
    },
  }
}
