import { element, make } from '../common/elements.ts'
import type { Wanted } from './protocol.ts'

/** The suites as a visitor chooses them, the first ones ticked. */
const suites: readonly (readonly [name: Wanted['suites'][number], text: string])[] = [
  ['steps', 'training steps: MLP, CNN, LSTM, transformer, BERT, ResNet-18'],
  ['gemm', 'matrix products'],
  ['conv', "convolutions: ResNet's shapes and their gradients"],
  ['norm', 'LayerNorm, BatchNorm, softmax'],
  ['attention', 'attention, 64 to 1024 tokens'],
  ['recurrent', 'LSTM and GRU'],
  ['infer', 'whole models: ResNet-50 at 224, BERT-base; their weights are 100 and 440 MB, drawn and not fetched'],
  ['startup', 'time to a first result'],
  ['steady', 'what a step takes of WebGPU'],
]

const peers: readonly (readonly [name: string, text: string])[] = [
  ['tfjs', 'TensorFlow.js'],
  ['jax', 'jax-js'],
  ['ort', 'ONNX Runtime Web (forward only)'],
]

/** Fills the form. The page's address may choose: `?suites=gemm,conv&peers=tfjs&pace=thorough&only=512`. */
export function fillForm(address: URLSearchParams): void {
  const chosen = (key: string, otherwise: string): string[] => (address.get(key) ?? otherwise).split(',')
  fill('suites', suites, chosen('suites', 'steps,gemm'))
  fill('peers', peers, chosen('peers', ''))
  if (address.get('pace') === 'thorough') {
    const radio = document.querySelector<HTMLInputElement>('input[name=pace][value=thorough]')
    if (radio) radio.checked = true
  }
}

function fill(id: string, known: readonly (readonly [string, string])[], ticked: readonly string[]): void {
  const labels = known.map(([name, text]) => {
    const input = make('input')
    input.type = 'checkbox'
    input.name = id
    input.value = name
    input.checked = ticked.includes(name)
    const label = make('label')
    label.append(input, ` ${text}`)
    return label
  })
  element(id, HTMLElement).replaceChildren(...labels)
}

/** What the form asks for. */
export function readForm(address: URLSearchParams): Wanted {
  const data = new FormData(element('wanted', HTMLFormElement))
  return {
    suites: suites.map(([name]) => name).filter((name) => data.getAll('suites').includes(name)),
    contestants: ['wgrad', ...data.getAll('peers').map(String)],
    quick: data.get('pace') === 'quick',
    rounds: 15,
    only: address.get('only') ?? '',
  }
}

/** Whether the form can be changed. */
export function lockForm(isLocked: boolean): void {
  for (const fieldset of element('wanted', HTMLFormElement).querySelectorAll('fieldset')) fieldset.disabled = isLocked
}
