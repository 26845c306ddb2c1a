import type { DeviceTraits } from '../graph/op.ts'
import { type Cell, gatesOf } from './recurrent-cell.ts'

/** The sizes of one layer in one direction. */
export interface RecurrentShape {
  readonly cell: Cell
  readonly batch: number
  readonly time: number
  readonly units: number
}

/** `whole`: the threads go over the products of a workgroup's sequences; `held`: each holds a column of the weights in registers. */
type Form = 'whole' | 'held'

/** How a layer is cut: sequences and threads of a workgroup, products that a thread of `whole` forms at a time, steps of a dispatch. */
export interface RecurrentCut {
  readonly form: Form
  readonly rows: number
  readonly threads: number
  readonly columns: number
  readonly steps: number
}

type Size = Omit<RecurrentCut, 'steps'>

/** `whole-4x4x4` by rows, threads and columns, `held-1x256`; with `-64` where a dispatch takes 64 steps of more. */
export function cutName({ form, rows, threads, columns, steps }: RecurrentCut, time: number): string {
  const size = `${form}-${rows}x${threads}${form === 'whole' ? `x${columns}` : ''}`
  return steps < time ? `${size}-${steps}` : size
}

/** The largest state for which threads hold their weights; a thread has room for hardly more, and compilers need their time. */
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
function softwareSizes({ batch, units }: RecurrentShape): readonly Size[] {
  const columns = units < 32 ? 4 : 8
  // Two cores have a workgroup each.
  const most = [8, 4, 2, 1].find((rows) => 2 * rows <= batch) ?? 1
  return [most, ...[8, 4, 2, 1].filter((rows) => rows !== most)].map((rows): Size => {
    return { form: 'whole', rows, threads: 4, columns }
  })
}

/** A GPU has room for workgroups until there are hundreds. */
function gpuSizes({ cell, batch, units }: RecurrentShape, { maxInvocations }: DeviceTraits): readonly Size[] {
  const held = Math.ceil((gatesOf(cell) * units) / 32) * 32
  const wide = Math.min(256, maxInvocations, held)
  const fewest = batch >= 1024 ? 4 : batch >= 512 ? 2 : 1
  return [fewest, ...[1, 2, 4].filter((rows) => rows !== fewest)].flatMap((rows): Size[] => [
    { form: 'held', rows, threads: held, columns: 1 },
    { form: 'whole', rows, threads: wide, columns: 1 },
    { form: 'whole', rows, threads: wide, columns: 4 },
  ])
}

/** Numbers that the backward kernel of a form keeps of a row in shared memory; the forward kernels keep no more. */
function keptOf(form: Form, weights: number, units: number): number {
  return 2 * units + (form === 'held' ? 2 : 1) * weights
}

/** The ways to run a layer that are legal on a device, the default first; none where a state does not fit a workgroup. */
export function recurrentCuts(shape: RecurrentShape, device: DeviceTraits): RecurrentCut[] {
  const { cell, batch, units } = shape
  const sizes = device.software ? softwareSizes(shape) : gpuSizes(shape, device)
  return sizes
    .filter(
      ({ form, rows, threads }) =>
        (rows === 1 || rows < 2 * batch) &&
        4 * rows * keptOf(form, gatesOf(cell) * units, units) <= device.maxWorkgroupBytes &&
        threads <= device.maxInvocations &&
        !(form === 'held' && units > mostHeld),
    )
    .map((size) => ({ ...size, steps: stepsOf(shape, size.rows, device.software) }))
}

/** Where the dispatches of a cut begin, and how many steps each takes. */
export function stretches({ steps }: RecurrentCut, time: number): { readonly start: number; readonly steps: number }[] {
  return Array.from({ length: Math.ceil(time / steps) }, (_, i) => ({
    start: i * steps,
    steps: Math.min(steps, time - i * steps),
  }))
}
