/** What the adapter turned out to be. */
export interface Adapter {
  readonly description: string
  /** A CPU stands in for the GPU. */
  readonly software: boolean
}

/** A training that is kept in this browser; `S` are the settings that decide its bits. */
export interface Kept<S> {
  readonly settings: S
  /** How much it is to train in all: epochs, or what else its session counts. */
  readonly goal: number
  /** It was not paused when the page went away. */
  readonly isRunning: boolean
}

/** How far a training is. */
export interface Standing {
  /** Steps taken so far, those before a reload included. */
  readonly step: number
  /** How much of the goal is done, in the goal's unit. */
  readonly done: number
}

/** Why trainings are not kept: another tab keeps its own, or the browser stores nothing. Null where they are. */
export type KeepsNot = 'other tab' | 'no storage' | null

/** What every page that trains asks of its worker. A call is cancelled by its signal. `A` is what the page's address says. */
export type TrainerCalls<S, A = null> = {
  /** Opens WebGPU, and looks for a training that is kept; rejects with what to do where there is no WebGPU. */
  open: {
    input: A
    output: { readonly adapter: Adapter; readonly kept: Kept<S> | null; readonly keepsNot: KeepsNot }
  }
  /** Loads the data and makes the model; goes on from what is kept, or forgets it where `anew`. */
  setUp: { input: { readonly settings: S; readonly anew: boolean }; output: Standing }
  /** Trains until so much is done in all; when cancelled, stops after the step at hand and keeps it. */
  train: { input: { readonly goal: number }; output: Standing }
  /** How far the training at hand is, once what was asked before has come to its end. */
  standing: { input: null; output: Standing & { readonly settings: S } }
  /** The weights as a safetensors file. */
  save: { input: null; output: Uint8Array<ArrayBuffer> }
  /** Starts anew from the weights of a safetensors file; answers with the settings, what the file says of them included. */
  load: { input: { readonly settings: S; readonly file: Uint8Array<ArrayBuffer> }; output: S }
}

/** What every such worker tells unasked. */
export type TrainerEvents = {
  /** Something takes a while: `share` is what is done of it, 0 to 1, or null where nobody knows. */
  progress: { readonly what: string; readonly share: number | null }
}
