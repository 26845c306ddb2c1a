import type { TrainerCalls, TrainerEvents } from '../common/protocol.ts'
import type { Accuracies, StepsEvent } from '../common/step-watcher.ts'

/** What decides a training, all of it: the same settings give the same bits on the same device. */
export interface Settings {
  /** Lines of a text, a tab and its class; empty for the reviews that the page writes. */
  readonly texts: string
  /** The tokens of a model that was loaded, one a line; empty for the words of the texts. */
  readonly vocabulary: string
  /** The classes of a model that was loaded, one a line; empty where none was. */
  readonly classes: string
  /** Features of a token. */
  readonly hidden: number
  readonly learningRate: number
  readonly batchSize: number
}

/** What the model makes of a text. */
export interface Answer {
  readonly classes: readonly string[]
  readonly probabilities: Float32Array<ArrayBuffer>
  readonly tokens: readonly string[]
  /** For each token, how much it speaks for the likeliest class, in log-odds. */
  readonly attributions: Float32Array<ArrayBuffer>
  /** [tokens, tokens]: how much each looks at each, the mean of the last layer's heads. */
  readonly attention: Float32Array<ArrayBuffer>
  /** Tokens that were not read, since the text is too long. */
  readonly truncated: number
}

/** What the page asks of the worker. */
export type Calls = TrainerCalls<Settings> & {
  /** Reads a text; rejects where it has no words. */
  classify: { input: string; output: Answer }
}

/** What the worker tells unasked. */
export type Events = TrainerEvents & {
  /** The texts were read. */
  texts: {
    readonly classes: readonly string[]
    /** Classes of the weights that the training began with, where they are others; their classifier stayed out. */
    readonly others: readonly string[] | null
    readonly train: number
    readonly test: number
    readonly words: number
    /** Texts that are longer than what the model reads. */
    readonly truncated: number
  }
  steps: StepsEvent
  /** The texts that are not trained on were read. */
  measured: Accuracies & { readonly accuracy: number }
}
