import type { DigitsSource } from '../common/find-digits.ts'
import { type SettingsForm, settingsForm } from '../common/settings-form.ts'
import type { NetworkKind, Settings } from './protocol.ts'

/** The form of the page of digits. */
export function digitsForm(): SettingsForm<Settings> {
  return settingsForm({
    defaults: { digits: 'mnist', network: 'cnn', learningRate: '0.002', batchSize: '64', epochs: '10' },
    goal: 'epochs',
    settings: ({ digits, network, learningRate, batchSize }) => ({
      digits: digits as DigitsSource,
      network: network as NetworkKind,
      learningRate: Number(learningRate),
      batchSize: Number(batchSize),
    }),
  })
}
