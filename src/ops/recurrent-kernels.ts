import advanceText from '../../shaders/recurrent/advance.wgsl?raw'
import backwardText from '../../shaders/recurrent/backward.wgsl?raw'
import forwardText from '../../shaders/recurrent/forward.wgsl?raw'
import retreatText from '../../shaders/recurrent/retreat.wgsl?raw'
import rowsText from '../../shaders/recurrent/rows.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { ParamTypes } from '../gpu/template.ts'
import { type Cell, gatesOf, partsOf } from './recurrent-cell.ts'
import type { RecurrentCut, RecurrentShape } from './recurrent-cuts.ts'

const includes = {
  'recurrent/rows.wgsl': rowsText,
  'recurrent/advance.wgsl': advanceText,
  'recurrent/retreat.wgsl': retreatText,
}

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
  START: 'int',
  STEPS: 'int',
  IS_REVERSED: 'flag',
  HAS_LENGTHS: 'flag',
  LOAD_LENGTHS: 'code',
} as const

const forward = {
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

const backward = {
  ...common,
  IS_FIRST: 'flag',
  HAS_Y: 'flag',
  HAS_LAST: 'flag',
  LOAD_DY: 'code',
  LOAD_DLAST: 'code',
} as const

/** What the threads of a workgroup share out among them. */
const threads = { THREADS: 'int', TN: 'int', IS_HELD: 'flag', IS_QUADS: 'flag' } as const

/** The kernels of a pass by what they bind beside w. */
/* @__NO_SIDE_EFFECTS__ */
function kernelsOf<Kind extends string>(
  file: string,
  text: string,
  params: ParamTypes,
  kinds: Readonly<Record<Kind, readonly string[]>>,
): Readonly<Record<Kind, Kernel>> {
  const entries = Object.entries<readonly string[]>(kinds).map(([kind, bindings]) => [
    kind,
    defineKernel(file, text, params, ['w', ...bindings], includes),
  ])
  return Object.fromEntries(entries) as Readonly<Record<Kind, Kernel>>
}

const written = {
  inferring: ['last: read_write'],
  saving: ['last: read_write', 'prev: read_write'],
  savingParts: ['last: read_write', 'prev: read_write', 'saved: read_write'],
}
const walked = {
  plain: ['saved', 'dx: read_write', 'dstate: read_write'],
  gru: ['saved', 'dx: read_write', 'dstate: read_write', 'prev', 'dp: read_write'],
}
const whole = kernelsOf('recurrent/forward.wgsl', forwardText, { ...forward, ...threads }, written)
const wholeBack = kernelsOf('recurrent/backward.wgsl', backwardText, { ...backward, ...threads }, walked)

/** A whole sequence forward; with `isSaving` all that the backward pass reads is written too. */
export function forwardKernel(cell: Cell, isSaving: boolean): Kernel {
  return !isSaving ? whole.inferring : partsOf(cell) > 0 ? whole.savingParts : whole.saving
}

/** A whole sequence back through time. */
export function backwardKernel(cell: Cell): Kernel {
  return cell === 'gru' ? wholeBack.gru : wholeBack.plain
}

/** The parameters that the kernels of both directions take; `isQuads` where w can be read by fours. */
export function commonParams(
  { cell, batch, time, units }: RecurrentShape,
  { form, rows, threads, columns }: RecurrentCut,
  isQuads: boolean,
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
    VALUES: rows === 1 ? 'f32' : rows <= 4 ? `vec${rows}<f32>` : 'mat2x4<f32>',
    THREADS: threads,
    TN: columns,
    IS_HELD: form === 'held',
    IS_QUADS: isQuads,
  }
}
