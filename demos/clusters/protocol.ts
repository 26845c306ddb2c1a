import type { TrainerCalls, TrainerEvents } from '../common/protocol.ts'

/** What is clustered: digits, or the table that was given. */
export type SamplesSource = 'mnist' | 'drawn' | 'table'

/** What decides a training, all of it. */
export interface Settings {
  readonly samples: SamplesSource
  readonly clusters: number
  /** Units of the layers, the code last, with commas between them. */
  readonly widths: string
  /** Epochs for the autoencoder, before the clusters form. */
  readonly epochs: number
}

/** What the page's address says. */
export interface Address {
  /** A folder's address with MNIST's files, tried before others; null for none. */
  readonly mnist: string | null
}

/** What the page asks of the worker. */
export type Calls = TrainerCalls<Settings, Address> & {
  /** Takes the bytes of a CSV file as the table of the next training; answers what is in it. */
  table: { input: Uint8Array<ArrayBuffer>; output: string }
}

/** Samples as the page shows them. */
export type Shown =
  | { readonly kind: 'images' /** Bytes [n, 28, 28]. */; readonly images: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'texts'; readonly texts: readonly string[] }

/** What the worker tells unasked. */
export type Events = TrainerEvents & {
  /** The samples are there, with a line about where they come from. */
  samples: { readonly source: string; readonly shown: Shown }
  /** A step of the autoencoder was taken. `x` and `y` are the whole curve of losses in few points. */
  pretrained: {
    readonly step: number
    readonly loss: number
    readonly x: Float64Array<ArrayBuffer>
    readonly y: Float64Array<ArrayBuffer>
  }
  /** Where the samples are now that are shown. */
  placed: {
    readonly step: number
    /** [n, 2]. */
    readonly points: Float32Array<ArrayBuffer>
    /** The cluster of each, null before there are clusters. */
    readonly labels: Int32Array<ArrayBuffer> | null
    /** For each cluster those that belong to it most. */
    readonly examples: readonly (readonly number[])[]
    /** How many samples each cluster has, all counted. */
    readonly sizes: readonly number[]
    /** Share of samples in another cluster than before; null at first. */
    readonly changed: number | null
    /** Under the best matching of clusters to classes; null where the classes are not known or there are no clusters. */
    readonly accuracy: number | null
  }
}
