/** Where the digits come from. */
export type DigitsSource = 'mnist' | 'mnist-all' | 'drawn'

/** Which network learns. */
export type NetworkKind = 'cnn' | 'mlp'

/** What decides a training, all of it: the same settings give the same bits on the same device. */
export interface Settings {
  readonly digits: DigitsSource
  readonly network: NetworkKind
  readonly learningRate: number
  readonly batchSize: number
}

/** A training to set up. */
export interface Setup {
  readonly settings: Settings
  /** A folder's address with MNIST's files, tried before the others; null for none. */
  readonly mnist: string | null
}

/** A training that is kept in this browser. */
export interface Kept {
  readonly settings: Settings
  /** How many epochs it is to have in all. */
  readonly epochs: number
  /** It was not paused when the page went away. */
  readonly isRunning: boolean
}

/** What the adapter turned out to be. */
export interface Adapter {
  readonly description: string
  /** A CPU stands in for the GPU. */
  readonly software: boolean
}

/** A training that is set up. */
export interface Standing {
  /** Steps taken so far, those before a reload included. */
  readonly step: number
  /** Whole epochs taken so far. */
  readonly epochs: number
  readonly stepsPerEpoch: number
  readonly parameters: number
}

/** What the page asks of the worker. A call is cancelled by its signal. */
export type Calls = {
  /** Opens WebGPU, and looks for a training that is kept; rejects with what to do where there is no WebGPU. */
  open: {
    input: null
    output: {
      readonly adapter: Adapter
      readonly kept: Kept | null
      /** Why trainings are not kept: another tab keeps its own, or the browser stores nothing. Null where they are. */
      readonly keepsNot: 'other tab' | 'no storage' | null
    }
  }
  /** Loads the digits and makes the network; goes on from what is kept, or forgets it where `anew`. */
  setUp: { input: Setup & { readonly anew: boolean }; output: Standing }
  /** Trains until so many epochs are done in all; when cancelled, stops after the step at hand and keeps it. */
  train: { input: { readonly epochs: number }; output: Standing }
  /** How far the training is, once what was asked before has come to its end. */
  standing: { input: null; output: Standing }
  /** Reads one digit, [28, 28] from 0 to 1: the probabilities of 0 to 9. */
  classify: { input: Float32Array<ArrayBuffer>; output: Float32Array<ArrayBuffer> }
  /** The weights as a safetensors file. */
  save: { input: null; output: Uint8Array<ArrayBuffer> }
  /** Starts anew from the weights of a safetensors file; answers with the settings, which name the file's network. */
  load: { input: Setup & { readonly file: Uint8Array<ArrayBuffer> }; output: Settings }
}

/** What the worker tells unasked. */
export type Events = {
  /** Something takes a while: `share` is what is done of it, 0 to 1, or null where nobody knows. */
  progress: { readonly what: string; readonly share: number | null }
  /** The test digits are there: bytes [n, 28, 28] and labels [n], and a line about where they come from. */
  digits: {
    readonly source: string
    readonly images: Uint8Array<ArrayBuffer>
    readonly labels: Uint8Array<ArrayBuffer>
  }
  /** Steps were taken. `x` and `y` are the whole curve of losses in few points. */
  steps: {
    readonly step: number
    /** Epochs taken, the one at hand by its share. */
    readonly epoch: number
    /** The latest; null before the first step. */
    readonly loss: number | null
    readonly stepsPerSecond: number | null
    readonly x: Float64Array<ArrayBuffer>
    readonly y: Float64Array<ArrayBuffer>
  }
  /** The test digits were read. `steps` and `accuracies` have one entry for each time they were. */
  measured: {
    readonly accuracy: number
    readonly read: Uint8Array<ArrayBuffer>
    readonly sure: Float32Array<ArrayBuffer>
    readonly steps: Float64Array<ArrayBuffer>
    readonly accuracies: Float64Array<ArrayBuffer>
  }
}
