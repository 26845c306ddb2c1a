import type { DeviceTraits, KernelCall, Variant } from '../graph/op.ts'
import { type Spec, specBytes } from '../graph/value.ts'
import { gatesOf } from './recurrent-cell.ts'
import {
  cutName,
  isStored,
  keptOf,
  type RecurrentShape,
  recurrentCuts,
  type StepCut,
  stretches,
  type WholeCut,
} from './recurrent-cuts.ts'

/** A dispatch without its place in the work. */
export type Dispatch = Omit<KernelCall, 'grid' | 'flops' | 'bytes'>

/** What one pass over a layer dispatches, whichever way it is cut. */
export interface Pass {
  /** Steps from `start` on. `kept` is the binding of what workgroups keep, where that is a buffer. */
  whole(cut: WholeCut, start: number, steps: number, kept: KernelCall['bindings']): Dispatch
  /** All dispatches, in order. */
  steps(cut: StepCut, groups: number): readonly Dispatch[]
  /** Units of a thread where a dispatch is one step. */
  readonly unitsPerThread: number
  /** Goes from the last step to the first. */
  readonly isBackward: boolean
}

/** Useful work of one pass. */
export function costOf(
  { cell, batch, time, units }: RecurrentShape,
  specs: readonly Spec[],
): { readonly flops: number; readonly bytes: number } {
  return {
    flops: 2 * batch * time * gatesOf(cell) * units * units,
    bytes: specs.reduce((total, s) => total + specBytes(s), 0),
  }
}

/** The dispatches of each cut, one after the other, each with its share of the work. */
export function variantsOf(
  shape: RecurrentShape,
  device: DeviceTraits,
  work: { readonly flops: number; readonly bytes: number },
  pass: Pass,
): Variant[] {
  const shared = (dispatch: Dispatch, grid: KernelCall['grid'], share: number): KernelCall => {
    return { ...dispatch, grid, flops: work.flops * share, bytes: work.bytes * share }
  }
  return recurrentCuts(shape, pass.unitsPerThread, device).map((cut) => ({
    name: cutName(cut, shape.time),
    calls: () => {
      if (cut.form === 'step') {
        const width = Math.ceil(shape.units / (cut.wx * pass.unitsPerThread))
        const height = Math.ceil(shape.batch / (cut.wy * cut.rows))
        const dispatches = pass.steps(cut, width * height)
        return dispatches.map((dispatch) => shared(dispatch, [width, height, 1], 1 / dispatches.length))
      }
      const groups = Math.ceil(shape.batch / cut.rows)
      const bytes = 4 * Math.max(1, groups) * cut.rows * keptOf(shape.cell, cut.form, shape.units)
      const kept: KernelCall['bindings'] = isStored(cut.form) ? { kept: { temp: 'kept', bytes } } : {}
      const calls = stretches(cut, shape.time).map(({ start, steps }) =>
        shared(pass.whole(cut, start, steps, kept), [groups, 1, 1], steps / shape.time),
      )
      return pass.isBackward ? calls.reverse() : calls
    },
  }))
}

/** A kernel op for each set of inputs, made once. */
export function memoized<Name extends string, Made>(
  known: Map<string, Made>,
  names: readonly Name[],
  make: (names: readonly Name[]) => Made,
): Made {
  const key = names.join()
  const made = known.get(key) ?? make(names)
  known.set(key, made)
  return made
}
