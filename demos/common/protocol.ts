/** What the adapter turned out to be. */
export interface Adapter {
  readonly description: string
  /** A CPU stands in for the GPU. */
  readonly software: boolean
}

/** A training that is kept in this browser; `S` are the settings that decide its bits. */
export interface Kept<S> {
  readonly settings: S
  /** How much the form asked for last: epochs, or what else its session counts. */
  readonly amount: number
  /** How much it is to train in all; more than the amount where it was trained on. */
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

/** The training at hand: what it is, and how far. */
export interface AtHand<S> extends Standing, Omit<Kept<S>, 'isRunning'> {
  /** Why it stands and is not kept so; null where it is. */
  readonly failure: string | null
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
  /** Goes on with the training that is kept. */
  goOn: { input: null; output: AtHand<S> }
  /** Begins a training; the one at hand, and what is kept of it, stays until that is done, and where it is cancelled. */
  setUp: { input: { readonly settings: S; readonly amount: number }; output: AtHand<S> }
  /** Trains until so much is done in all; when cancelled, stops after the step at hand and keeps it. */
  train: { input: { readonly goal: number; readonly amount: number }; output: AtHand<S> }
  /** How far the training at hand is, once what was asked before has come to its end. */
  standing: { input: null; output: AtHand<S> }
  /** The weights as a safetensors file. */
  save: { input: null; output: Uint8Array<ArrayBuffer> }
  /** Begins a training from the weights of a safetensors file, whose settings are those asked for and what the file says of them. */
  load: {
    input: { readonly settings: S; readonly amount: number; readonly file: Uint8Array<ArrayBuffer> }
    output: AtHand<S>
  }
}

/** What every such worker tells unasked. */
export type TrainerEvents = {
  /** Something takes a while: `share` is what is done of it, 0 to 1, or null where nobody knows. */
  progress: { readonly what: string; readonly share: number | null }
}
