import quadText from '../../shaders/lib/quad.wgsl?raw'
import advanceText from '../../shaders/recurrent/advance.wgsl?raw'
import backwardText from '../../shaders/recurrent/backward.wgsl?raw'
import backwardStepText from '../../shaders/recurrent/backward_step.wgsl?raw'
import forwardText from '../../shaders/recurrent/forward.wgsl?raw'
import forwardStepText from '../../shaders/recurrent/forward_step.wgsl?raw'
import keptText from '../../shaders/recurrent/kept.wgsl?raw'
import retreatText from '../../shaders/recurrent/retreat.wgsl?raw'
import rowsText from '../../shaders/recurrent/rows.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { ParamTypes } from '../gpu/template.ts'
import { type Cell, gatesOf, partsOf } from './recurrent-cell.ts'
import { isStored, keptOf, type RecurrentCut, type RecurrentShape } from './recurrent-cuts.ts'

const includes = {
  'lib/quad.wgsl': quadText,
  'recurrent/rows.wgsl': rowsText,
  'recurrent/advance.wgsl': advanceText,
  'recurrent/retreat.wgsl': retreatText,
  'recurrent/kept.wgsl': keptText,
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
  IS_REVERSED: 'flag',
  HAS_LENGTHS: 'flag',
  LOAD_LENGTHS: 'code',
  LOAD_MORE: 'code',
  IS_QUADS: 'flag',
} as const

const forward = {
  ...common,
  START: 'int',
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

/** A workgroup that owns sequences, over some of their steps. */
const owning = {
  THREADS: 'int',
  TN: 'int',
  IS_HELD: 'flag',
  IS_SWAPPED: 'flag',
  IS_STORED: 'flag',
  KEPT: 'int',
  STEPS: 'int',
} as const

/** Threads and the depth of tiles, for one step. */
const stepping = { WX: 'int', WY: 'int', BK: 'int' } as const

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

/** The same kinds with one buffer more, behind the others unless at a place of its own. */
function withBuffer<Kind extends string>(
  kinds: Readonly<Record<Kind, readonly string[]>>,
  buffer: string,
  at = Number.POSITIVE_INFINITY,
): Record<Kind, readonly string[]> {
  const entries = Object.entries<readonly string[]>(kinds).map(([kind, names]) => [
    kind,
    [...names.slice(0, at), buffer, ...names.slice(at)],
  ])
  return Object.fromEntries(entries) as Record<Kind, readonly string[]>
}

const wholeForward = ['recurrent/forward.wgsl', forwardText, { ...forward, ...owning }] as const
const wholeBackward = ['recurrent/backward.wgsl', backwardText, { ...backward, ...owning, START: 'int' }] as const
const forwardKernels = {
  shared: kernelsOf(...wholeForward, written),
  stored: kernelsOf(...wholeForward, withBuffer(written, 'kept: read_write')),
  step: kernelsOf(
    'recurrent/forward_step.wgsl',
    forwardStepText,
    { ...forward, ...stepping },
    withBuffer(written, 'carry: read_write', 1),
  ),
}
const backwardKernels = {
  shared: kernelsOf(...wholeBackward, walked),
  stored: kernelsOf(...wholeBackward, withBuffer(walked, 'kept: read_write')),
  step: kernelsOf(
    'recurrent/backward_step.wgsl',
    backwardStepText,
    { ...backward, ...stepping, IS_END: 'flag' },
    withBuffer(walked, 'count: read_write', 3),
  ),
}

function placeOf({ form }: RecurrentCut): 'shared' | 'stored' | 'step' {
  return form === 'step' ? 'step' : isStored(form) ? 'stored' : 'shared'
}

/** The kernel of a pass forward; with `isSaving` all that the backward pass reads is written too. */
export function forwardKernel(cell: Cell, cut: RecurrentCut, isSaving: boolean): Kernel {
  const kernels = forwardKernels[placeOf(cut)]
  return !isSaving ? kernels.inferring : partsOf(cell) > 0 ? kernels.savingParts : kernels.saving
}

/** The kernel of a pass back through time. */
export function backwardKernel(cell: Cell, cut: RecurrentCut): Kernel {
  const kernels = backwardKernels[placeOf(cut)]
  return cell === 'gru' ? kernels.gru : kernels.plain
}

/** The parameters that all kernels take, and those of the cut but for its steps; `isQuads` where w can be read by fours. */
export function cutParams(
  { cell, batch, time, units }: RecurrentShape,
  cut: RecurrentCut,
  isQuads: boolean,
): Readonly<Record<string, number | boolean | string>> {
  const { rows } = cut
  return {
    BATCH: Math.max(1, batch),
    TIME: time,
    UNITS: units,
    GATES: gatesOf(cell),
    IS_LSTM: cell === 'lstm',
    IS_GRU: cell === 'gru',
    IS_RELU: cell === 'relu',
    ROWS: rows,
    VALUES: rows === 1 ? 'f32' : rows <= 4 ? `vec${rows}<f32>` : `mat${rows / 4}x4<f32>`,
    IS_QUADS: isQuads,
    ...(cut.form === 'step'
      ? { WX: cut.wx, WY: cut.wy, BK: cut.bk }
      : {
          THREADS: cut.threads,
          TN: cut.columns,
          IS_HELD: cut.form === 'held',
          IS_SWAPPED: cut.form === 'swapped',
          IS_STORED: isStored(cut.form),
          KEPT: rows * keptOf(cell, cut.form, units),
        }),
  }
}
