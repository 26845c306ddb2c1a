import backwardText from '../../shaders/recurrent/backward.wgsl?raw'
import forwardText from '../../shaders/recurrent/forward.wgsl?raw'
import rowsText from '../../shaders/recurrent/rows.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { DeviceTraits } from '../graph/op.ts'

/** A recurrent cell; `tanh` and `relu` are those of the plain RNN. */
export type Cell = 'lstm' | 'gru' | 'tanh' | 'relu'

/** Blocks of rows in a cell's weights. */
export function gatesOf(cell: Cell): number {
  return cell === 'lstm' ? 4 : cell === 'gru' ? 3 : 1
}

/** Tensors that a cell carries from step to step. */
export function statesOf(cell: Cell): number {
  return cell === 'lstm' ? 2 : 1
}

/** Numbers that the forward pass keeps of each unit and step for the backward pass; 0: its output is enough. */
export function partsOf(cell: Cell): number {
  return cell === 'lstm' ? 5 : cell === 'gru' ? 4 : 0
}

const includes = { 'recurrent/rows.wgsl': rowsText }

const common = {
  BATCH: 'int',
  TIME: 'int',
  UNITS: 'int',
  GATES: 'int',
  PARTS: 'int',
  IS_LSTM: 'flag',
  IS_GRU: 'flag',
  IS_RELU: 'flag',
  ROWS: 'int',
  VALUES: 'code',
  THREADS: 'int',
  TN: 'int',
  IS_HELD: 'flag',
  IS_QUADS: 'flag',
  START: 'int',
  STEPS: 'int',
  IS_REVERSED: 'flag',
  HAS_LENGTHS: 'flag',
  LOAD_LENGTHS: 'code',
} as const

/* @__NO_SIDE_EFFECTS__ */
function forwardOf(...more: readonly string[]): Kernel {
  const params = {
    ...common,
    IS_SAVING: 'flag',
    HAS_SAVED: 'flag',
    HAS_STATE: 'flag',
    HAS_BIAS: 'flag',
    LOAD_X: 'code',
    LOAD_STATE: 'code',
    LOAD_BIAS: 'code',
    EPILOGUE_DECLS: 'code',
  } as const
  const bindings = ['w', ...['last', ...more].map((name) => `${name}: read_write`)]
  return defineKernel('recurrent/forward.wgsl', forwardText, params, bindings, includes)
}

/* @__NO_SIDE_EFFECTS__ */
function backwardOf(...more: readonly string[]): Kernel {
  const params = {
    ...common,
    IS_FIRST: 'flag',
    HAS_Y: 'flag',
    HAS_LAST: 'flag',
    LOAD_DY: 'code',
    LOAD_DLAST: 'code',
  } as const
  const bindings = ['w', 'saved', 'dx: read_write', 'dstate: read_write', ...more]
  return defineKernel('recurrent/backward.wgsl', backwardText, params, bindings, includes)
}

const inferring: Kernel = forwardOf()
const saving: Kernel = forwardOf('prev')
const savingParts: Kernel = forwardOf('prev', 'saved')
const gruBackward: Kernel = backwardOf('prev', 'dp: read_write')

/** A whole sequence forward; with `isSaving` all that the backward pass reads is written too. */
export function forwardKernel(cell: Cell, isSaving: boolean): Kernel {
  return !isSaving ? inferring : partsOf(cell) > 0 ? savingParts : saving
}

/** A whole sequence back through time. */
export const backwardKernel: Kernel = backwardOf()

/** The backward kernel of a cell. */
export function backwardKernelOf(cell: Cell): Kernel {
  return cell === 'gru' ? gruBackward : backwardKernel
}

/** The sizes of one layer in one direction. */
export interface RecurrentShape {
  readonly cell: Cell
  readonly batch: number
  readonly time: number
  readonly units: number
}

/** How a layer is cut: sequences and threads of a workgroup, what a thread multiplies at a time, steps of a dispatch. */
export interface RecurrentCut {
  readonly rows: number
  readonly threads: number
  /** 0: each thread holds a column of the weights in registers. */
  readonly columns: number
  readonly steps: number
}

/** `whole-4x4x4` by rows, threads and columns, `held-1x256`; with `-64` where a dispatch takes 64 steps of more. */
export function cutName({ rows, threads, columns, steps }: RecurrentCut, time: number): string {
  const size = columns === 0 ? `held-${rows}x${threads}` : `whole-${rows}x${threads}x${columns}`
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

/** The ways to run a layer that are legal on a device, the default first; none where a state does not fit a workgroup. */
export function recurrentCuts(shape: RecurrentShape, device: DeviceTraits): RecurrentCut[] {
  const { cell, batch, units } = shape
  const weights = gatesOf(cell) * units
  const wide = Math.min(256, device.maxInvocations, Math.ceil(weights / 32) * 32)
  const held = Math.ceil(weights / 32) * 32
  // A software adapter pays for each thread at a barrier; a GPU has room for workgroups until there are hundreds.
  const fewest = batch >= 1024 ? 4 : batch >= 512 ? 2 : 1
  const sizes: readonly (readonly [rows: number, threads: number, columns: number])[] = device.software
    ? [
        [2, 4, 4],
        [1, 4, 4],
        [4, 4, 4],
        [1, held, 0],
      ]
    : [fewest, ...[1, 2, 4].filter((rows) => rows !== fewest)].flatMap((rows) => [
        [rows, held, 0] as const,
        [rows, wide, 1] as const,
        [rows, wide, 4] as const,
      ])
  return sizes
    .filter(([rows, threads, columns]) => {
      const isHeld = columns === 0
      // Numbers that backward.wgsl keeps of a row; forward.wgsl keeps no more.
      const kept = 2 * units + (isHeld ? 2 : 1) * weights
      return (
        (rows === 1 || rows < 2 * batch) &&
        4 * rows * kept <= device.maxWorkgroupBytes &&
        threads <= device.maxInvocations &&
        !(isHeld && units > mostHeld)
      )
    })
    .map(([rows, threads, columns]) => ({ rows, threads, columns, steps: stepsOf(shape, rows, device.software) }))
}

/** Where the dispatches of a cut begin, and how many steps each takes. */
export function stretches({ steps }: RecurrentCut, time: number): { readonly start: number; readonly steps: number }[] {
  return Array.from({ length: Math.ceil(time / steps) }, (_, i) => ({
    start: i * steps,
    steps: Math.min(steps, time - i * steps),
  }))
}

/** The parameters that both kernels take for a stretch of steps. */
export function commonParams(
  { cell, batch, time, units }: RecurrentShape,
  { rows, threads, columns }: RecurrentCut,
): Readonly<Record<string, number | boolean | string>> {
  return {
    BATCH: Math.max(1, batch),
    TIME: time,
    UNITS: units,
    GATES: gatesOf(cell),
    IS_LSTM: cell === 'lstm',
    IS_GRU: cell === 'gru',
    IS_RELU: cell === 'relu',
    ROWS: rows,
    VALUES: rows === 1 ? 'f32' : `vec${rows}<f32>`,
    THREADS: threads,
    TN: Math.max(1, columns),
    IS_HELD: columns === 0,
  }
}
