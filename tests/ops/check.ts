import type { DType } from '../../src/dtype.ts'
import type { Tensor } from '../../src/index.ts'

/** A value of the reference: row-major, in double precision; bool is 0 or 1. */
export interface Ref {
  readonly shape: readonly number[]
  readonly data: Float64Array
}

/** How an input is made. Random values are the same in every run and every environment. */
export interface InputSpec {
  readonly shape: readonly number[]
  /** f32 unless given. */
  readonly dtype?: DType
  /** Bounds of the random values: [-2, 2] unless given, [-9, 9] for i32, [0, 9] for u32. */
  readonly range?: readonly [number, number]
  /** The values themselves, repeated where they are fewer than the elements. */
  readonly values?: readonly number[]
  /** Distinct values this far apart in random order, none within half a step of 0: for ops with kinks. */
  readonly step?: number
}

/** One run of an op: its inputs (a bare shape stands for random f32) and its attributes. */
export interface Sample<A> {
  readonly inputs: readonly (readonly number[] | InputSpec)[]
  readonly attrs?: A
  /** What this sample is there for; shown when it fails. */
  readonly why?: string
  /** Compares the outputs only. */
  readonly forwardOnly?: boolean
  /** A device feature without which the sample is skipped; samples with f16 inputs are skipped by themselves. */
  readonly needs?: string
}

/** A call that must throw. */
export interface Failure<A> {
  readonly inputs?: Sample<A>['inputs']
  readonly attrs?: A
  /** The check's own call unless given. */
  readonly call?: (inputs: Tensor[]) => unknown
  /** The whole message. */
  readonly message: string
}

/** Which kernels a device is offered: those for a GPU or those for a software adapter. */
export type KernelChoice = 'gpu' | 'software'

/** Everything that is tested of one op. */
export interface OpCheck<A = unknown> {
  /** Name of the check, and of the op or function that it is about. */
  readonly op: string
  readonly call: (inputs: Tensor[], attrs: A) => Tensor | readonly Tensor[]
  /** The same in plain loops. */
  readonly reference: (inputs: Ref[], attrs: A) => Ref | readonly Ref[]
  readonly samples: readonly Sample<A>[]
  readonly fails?: readonly Failure<A>[]
  /** Whether the gradients of all float inputs are compared with difference quotients, or of which inputs. */
  readonly differentiable: boolean | readonly number[]
  /** Errors allowed relative to the largest element; 1e-4 each unless given, and then with the reason. */
  readonly tolerance?: { readonly forward?: number; readonly backward?: number; readonly why: string }
  /** Runs every sample with these kernels; with those that the device chooses unless given. */
  readonly kernels?: readonly KernelChoice[]
  /** Names of ops that it runs for their effects alone; the others are found by themselves. */
  readonly effects?: readonly string[]
  /** Sizes of the op in real models. */
  readonly bench?: readonly Sample<A>[]
}

/** Gives a check its types; checks of all kinds can then stand in one list. */
export function defineCheck<A = undefined>(check: OpCheck<A>): OpCheck {
  return check as unknown as OpCheck
}
