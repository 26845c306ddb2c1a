import type { TrainerCalls, TrainerEvents } from '../common/protocol.ts'
import type { Accuracies, StepsEvent } from '../common/step-watcher.ts'

/** What is learned: shapes that the page draws, or pictures that were given. */
export type PicturesSource = 'shapes' | 'own'

/** Which network learns: the paper's for small images, as wide as there or a quarter of it, or that of the weights that were loaded. */
export type NetworkKind = 'resnet20' | 'quarter' | 'loaded'

/** What decides a training, all of it. */
export interface Settings {
  readonly pictures: PicturesSource
  readonly network: NetworkKind
  /** Whether the head learns alone, or all of the network. */
  readonly trains: 'head' | 'all'
  /** Whether the head is made for the classes of the pictures, or that of the weights that were loaded. */
  readonly head: 'new' | 'loaded'
  readonly learningRate: number
  readonly batchSize: number
}

/** What the network makes of a picture. */
export interface Look {
  /** The likeliest classes, the likeliest first. */
  readonly top: readonly { readonly name: string; readonly probability: number }[]
  /** From 0 to 1, row by row: how much each place speaks for the likeliest class. */
  readonly heat: Float32Array<ArrayBuffer>
  /** Places in a row of the heat. */
  readonly columns: number
}

/** What the page asks of the worker. */
export type Calls = TrainerCalls<Settings> & {
  /** Looks at a picture, which is handed over. */
  look: { input: ImageBitmap; output: Look }
  /** Takes pictures as examples of a class; answers how many each class has now. */
  examples: {
    input: { readonly name: string; readonly files: readonly Blob[] }
    output: Readonly<Record<string, number>>
  }
  /** Forgets all pictures that were given. */
  noExamples: { input: null; output: null }
  /** Fetches a file of weights. */
  fetchWeights: { input: string; output: Uint8Array<ArrayBuffer> }
}

/** What the worker tells unasked. */
export type Events = TrainerEvents & {
  /** The pictures are there, with a line about them. */
  pictures: { readonly source: string }
  steps: StepsEvent
  /** Pictures that were not learned from were looked at. */
  measured: Accuracies & { readonly accuracy: number }
}
