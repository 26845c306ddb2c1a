import type { DigitsSource } from '../common/find-digits.ts'
import type { TrainerCalls, TrainerEvents } from '../common/protocol.ts'
import type { Accuracies, StepsEvent } from '../common/step-watcher.ts'

/** Which network learns. */
export type NetworkKind = 'cnn' | 'mlp'

/** What decides a training, all of it: the same settings give the same bits on the same device. */
export interface Settings {
  readonly digits: DigitsSource
  readonly network: NetworkKind
  readonly learningRate: number
  readonly batchSize: number
}

/** What the page's address says. */
export interface Address {
  /** A folder's address with MNIST's files, tried before the others; null for none. */
  readonly mnist: string | null
}

/** What the page asks of the worker. */
export type Calls = TrainerCalls<Settings, Address> & {
  /** Reads one digit, [28, 28] from 0 to 1: the probabilities of 0 to 9. */
  classify: { input: Float32Array<ArrayBuffer>; output: Float32Array<ArrayBuffer> }
}

/** What the worker tells unasked. */
export type Events = TrainerEvents & {
  /** The test digits are there: bytes [n, 28, 28] and labels [n], and a line about where they come from. */
  digits: {
    readonly source: string
    readonly images: Uint8Array<ArrayBuffer>
    readonly labels: Uint8Array<ArrayBuffer>
  }
  steps: StepsEvent
  /** The test digits were read. `steps` and `accuracies` have one entry for each time they were. */
  measured: Accuracies & {
    readonly accuracy: number
    readonly read: Uint8Array<ArrayBuffer>
    readonly sure: Float32Array<ArrayBuffer>
  }
}
