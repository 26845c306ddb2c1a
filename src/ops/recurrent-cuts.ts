import type { DeviceTraits } from '../graph/op.ts'
import { type Cell, gatesOf } from './recurrent-cell.ts'

/** The sizes of one layer in one direction. */
export interface RecurrentShape {
  readonly cell: Cell
  readonly batch: number
  readonly time: number
  readonly units: number
}

/**
 * A workgroup owns sequences. `whole`: its threads go over their products; `stored`: the same, with what it keeps in a
 * buffer in place of shared memory; `swapped`: that, and four neighbouring threads swap what they read of it; `held`:
 * each thread holds a column of the weights in registers.
 */
export interface WholeCut {
  readonly form: 'whole' | 'stored' | 'swapped' | 'held'
  /** Sequences of a workgroup. */
  readonly rows: number
  readonly threads: number
  /** Products that a thread forms at a time, but for `held`. */
  readonly columns: number
  /** Steps of a dispatch. */
  readonly steps: number
}

/** A dispatch is one step: threads `wx` by `wy`, each with `rows` sequences, and tiles of depth `bk`. */
export interface StepCut {
  readonly form: 'step'
  readonly rows: number
  readonly wx: number
  readonly wy: number
  readonly bk: number
}

/** How a layer is cut into workgroups and dispatches. */
export type RecurrentCut = WholeCut | StepCut

/**
 * `whole-4x4x4`, `stored-4x4x4` and `swapped-4x4x4` by rows, threads and columns and `held-1x256`, with `-64` where a
 * dispatch takes 64 steps of more; `step-16x16x4` by threads and rows.
 */
export function cutName(cut: RecurrentCut, time: number): string {
  if (cut.form === 'step') return `step-${cut.wx}x${cut.wy}x${cut.rows}`
  const { form, rows, threads, columns, steps } = cut
  const size = `${form}-${rows}x${threads}${form === 'held' ? '' : `x${columns}`}`
  return steps < time ? `${size}-${steps}` : size
}

/** The largest state for which threads hold their weights; a thread has room for hardly more. */
const mostHeld = 128

// Seconds that a dispatch may take and what a step costs, below what makes a driver give up or a page stutter.
const SOFTWARE = { seconds: 0.5, step: 0, flops: 1.5e9 }
const GPU = { seconds: 0.1, step: 4e-6, flops: 5e10 }

/** Steps of a dispatch: all of them where its estimated time allows. */
function stepsOf({ cell, batch, time, units }: RecurrentShape, rows: number, isSoftware: boolean): number {
  const { seconds, step, flops } = isSoftware ? SOFTWARE : GPU
  // A software adapter runs the workgroups one after the other.
  const work = (isSoftware ? batch : rows) * 2 * gatesOf(cell) * units * units
  const most = Math.max(1, Math.floor(seconds / (step + work / flops)))
  return Math.ceil(time / Math.ceil(time / most))
}

/** A software adapter pays for each load and for each thread at a barrier: few threads that multiply much of what they load. */
function softwareCuts({ batch, units }: RecurrentShape, quads: boolean): readonly Omit<WholeCut, 'steps'>[] {
  const columns = units < 32 ? 4 : 8
  const sizes = [8, 4, 2, 1]
  // Two cores have a workgroup each.
  const most = sizes.find((rows) => 2 * rows <= batch) ?? 1
  const stored = [most, ...sizes.filter((rows) => rows !== most)].map(
    (rows) => ({ form: 'stored', rows, threads: 4, columns }) as const,
  )
  if (!quads || units % 4 !== 0 || most < 4) return stored
  const wide = Math.min(8, 4 * Math.ceil(units / 16))
  return [{ form: 'swapped', rows: most, threads: 4, columns: wide }, ...stored]
}

/** A GPU has room for workgroups until there are hundreds. */
function gpuCuts(
  { cell, batch, units }: RecurrentShape,
  { maxInvocations }: DeviceTraits,
): readonly Omit<WholeCut, 'steps'>[] {
  const held = Math.ceil((gatesOf(cell) * units) / 32) * 32
  const wide = Math.min(256, maxInvocations, held)
  const fewest = batch >= 1024 ? 4 : batch >= 512 ? 2 : 1
  return [fewest, ...[1, 2, 4].filter((rows) => rows !== fewest)].flatMap((rows) => [
    { form: 'held', rows, threads: held, columns: 1 } as const,
    { form: 'whole', rows, threads: wide, columns: 1 } as const,
    { form: 'whole', rows, threads: wide, columns: 4 } as const,
  ])
}

/** Numbers that the kernels of both directions keep of a row. */
export function keptOf(cell: Cell, form: WholeCut['form'], units: number): number {
  return (2 + (form === 'held' ? 2 : 1) * gatesOf(cell)) * units
}

/** Whether what workgroups keep lies in a buffer. */
export function isStored(form: RecurrentCut['form']): boolean {
  return form === 'stored' || form === 'swapped'
}

function wholeCuts(shape: RecurrentShape, device: DeviceTraits): WholeCut[] {
  const { cell, batch, units } = shape
  const cuts = device.software ? softwareCuts(shape, device.quads) : gpuCuts(shape, device)
  return cuts
    .filter(
      ({ form, rows, threads }) =>
        (rows === 1 || rows < 2 * batch) &&
        (isStored(form) || 4 * rows * keptOf(cell, form, units) <= device.maxWorkgroupBytes) &&
        threads <= device.maxInvocations &&
        !(form === 'held' && units > mostHeld),
    )
    .map((size) => ({ ...size, steps: stepsOf(shape, size.rows, device.software) }))
}

/** Workgroups that keep a GPU busy. */
const enough = 128

/** `wide`: units of a thread. The largest tiles come first of which there are enough, or else the smallest. */
function stepCuts({ batch, units }: RecurrentShape, wide: number, device: DeviceTraits): StepCut[] {
  const few = batch <= 4
  const sizes = (
    device.software
      ? [
          [4, 1, 4],
          [4, 1, 1],
        ]
      : few
        ? [
            [16, 4, 1],
            [4, 4, 1],
          ]
        : [
            [16, 16, 4],
            [16, 16, 2],
            [16, 16, 1],
            [8, 16, 1],
            [4, 16, 1],
          ]
  ) as readonly (readonly [wx: number, wy: number, rows: number])[]
  const cuts = sizes.map(([wx, wy, rows]): StepCut => ({ form: 'step', rows, wx, wy, bk: 16 }))
  if (device.software) return cuts
  const groups = ({ wx, wy, rows }: StepCut): number => Math.ceil(units / (wx * wide)) * Math.ceil(batch / (wy * rows))
  const best = cuts.find((cut) => groups(cut) >= enough) ?? cuts[cuts.length - 1]
  return [...cuts.filter((cut) => cut === best), ...cuts.filter((cut) => cut !== best)]
}

/** The ways to run a layer that are legal on a device, the default first; where a dispatch is one step, a thread has `wide` units. */
export function recurrentCuts(shape: RecurrentShape, wide: number, device: DeviceTraits): RecurrentCut[] {
  const [whole, step] = [wholeCuts(shape, device), stepCuts(shape, wide, device)]
  if (whole.length === 0) return step
  if (shape.units <= mostHeld) return whole
  // Workgroups that own sequences read all weights at every step, and those of a GPU are better shared.
  return device.software ? [...whole, ...step] : [...step, ...whole]
}

/** Whether kernels can bind so many buffers, and the one more in which some forms keep what they carry. */
export function canBind(buffers: number, units: number, device: DeviceTraits): boolean {
  const carries = device.software || units > mostHeld
  return buffers + (carries ? 1 : 0) <= device.maxBuffers
}

/** Where the dispatches of a cut begin, and how many steps each takes. */
export function stretches({ steps }: WholeCut, time: number): { readonly start: number; readonly steps: number }[] {
  return Array.from({ length: Math.ceil(time / steps) }, (_, i) => ({
    start: i * steps,
    steps: Math.min(steps, time - i * steps),
  }))
}
