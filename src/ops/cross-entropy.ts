import lanesText from '../../shaders/lib/lanes.wgsl?raw'
import crossEntropyText from '../../shaders/loss/cross_entropy.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import { type DeviceTraits, defaultFirst, type KernelCall, type KernelOp, type Variant } from '../graph/op.ts'
import { call, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { gridOf, numel } from '../shape.ts'
import { add, mul, sub } from './arithmetic.ts'
import { lanesFor, linesOf } from './lanes.ts'
import { unsqueeze } from './movement.ts'
import { sum } from './reduce.ts'
import { softmax } from './softmax.ts'

/* @__NO_SIDE_EFFECTS__ */
function kernelOf(...bindings: readonly string[]): Kernel {
  const lanes = { LANES: 'int', LINES: 'int', LEVELS: 'int', WIDTH: 'int', STEPS: 'int' } as const
  const sizes = { ROWS: 'int', COLUMNS: 'int', SPLITS: 'int', LENGTH: 'int', SMOOTH: 'f32' } as const
  const loads = { LOAD_X: 'code', LOAD_TARGET: 'code', LOAD_SCALE: 'code', EPILOGUE_DECLS: 'code' } as const
  const params = { ...lanes, ...sizes, ...loads, IS_PART: 'flag', HAS_PARTS: 'flag' } as const
  const includes = { 'lib/lanes.wgsl': lanesText }
  return defineKernel('loss/cross_entropy.wgsl', crossEntropyText, params, bindings, includes)
}

const whole = kernelOf('losses: read_write')
const first = kernelOf('parts: read_write')
const second = kernelOf('losses: read_write', 'known')

/** Columns from which on a row may be split, and parts that it has at most. */
const shortestSplit = 512
const mostSplits = 64

/** Parts of a row so that all rows together fill a device. */
function splitsFor(rows: number, columns: number, { software }: DeviceTraits): number {
  const wanted = Math.ceil((software ? 32 : 512) / rows)
  return Math.max(1, Math.min(wanted, Math.floor(columns / shortestSplit), mostSplits))
}

type Sizes = { readonly rows: number; readonly columns: number; readonly smooth: number }

function callsOf({ rows, columns, smooth }: Sizes, lanes: number, splits: number): KernelCall[] {
  const length = Math.ceil(columns / splits)
  const lines = linesOf(lanes)
  const grid = gridOf(Math.ceil((rows * splits) / lines.LINES))
  const shared = {
    ...lines,
    WIDTH: grid[0],
    STEPS: Math.ceil(length / lanes),
    ROWS: rows,
    COLUMNS: columns,
    SPLITS: splits,
    LENGTH: length,
    SMOOTH: smooth,
    HAS_PARTS: splits > 1,
    IS_PART: false,
  }
  const parts = { temp: 'parts', bytes: 16 * rows * splits }
  const loads = { LOAD_X: { input: 0, name: 'load_x' } }
  const last: KernelCall = {
    kernel: splits > 1 ? second : whole,
    params: shared,
    bindings: { losses: { output: 1 }, ...(splits > 1 ? { known: parts } : {}) } as KernelCall['bindings'],
    loads: {
      ...loads,
      LOAD_TARGET: { input: 1, name: 'load_target' },
      LOAD_SCALE: { input: 2, name: 'load_scale' },
    },
    grid,
    epilogue: true,
    flops: 12 * rows * columns,
    bytes: 8 * rows * columns,
  }
  if (splits === 1) return [last]
  const empty = { LOAD_TARGET: '', LOAD_SCALE: '', EPILOGUE_DECLS: '' }
  const params = { ...shared, ...empty, IS_PART: true, HAS_PARTS: false }
  const work = { flops: 6 * rows * columns, bytes: 4 * rows * columns }
  return [{ kernel: first, params, bindings: { parts }, loads, grid, ...work }, last]
}

type Attrs = { readonly smooth: number }

/**
 * Cross entropy of x [R, C] with targets [R], i32 within the classes, each row times scale [R]; outputs are its slopes [R, C] and the
 * losses [R]. Where the gradient of the losses is 1 it is the slopes as they are.
 */
export const softmaxCrossEntropyOp: KernelOp<'x' | 'target' | 'scale', Attrs> = {
  kind: 'kernel',
  name: 'softmaxCrossEntropy',
  inputs: ['x', 'target', 'scale'],
  virtual: ['x', 'target', 'scale'],
  epilogue: true,
  infer: ([x, target]) => [
    { shape: (x as Spec).shape, dtype: 'f32' },
    { shape: (target as Spec).shape, dtype: 'f32' },
  ],
  variants: ({ inputs: [x], attrs: { smooth }, device }) => {
    const [rows = 0, columns = 0] = (x as Spec).shape
    const best = splitsFor(rows, columns, device)
    const splits = columns < shortestSplit ? [1] : [...new Set([best, 1, 2])]
    const lanes = lanesFor(columns, device)
    const all = splits.flatMap((s) =>
      lanes.map(
        (n): Variant => ({
          name: `lanes-${n}${s > 1 ? `-split${s}` : ''}`,
          calls: () => callsOf({ rows, columns, smooth }, n, s),
        }),
      ),
    )
    return defaultFirst(all, (all[0] as Variant).name)
  },
  cost: ([x]) => ({ flops: 12 * numel((x as Spec).shape), bytes: 8 * numel((x as Spec).shape) }),
  backward: ({ in: { x, scale }, outs, grads }) => ({
    x: () => {
      const [toSlopes, toLosses] = grads as [Tensor | null, Tensor | null]
      const own = toLosses && mul(outs[0] as Tensor, unsqueeze(toLosses, -1))
      if (!toSlopes) return own as Tensor
      const p = softmax(x)
      const along = mul(p, toSlopes)
      const curved = mul(unsqueeze(scale, -1), sub(along, mul(p, sum(along, -1, true))))
      return own ? add(own, curved) : curved
    },
    target: null,
    scale: null,
  }),
  saves: ['x', 'scale', 'out'],
}

/** The losses of rows, each times its scale, which records no gradient. */
export function softmaxCrossEntropy(x: Tensor, target: Tensor, scale: Tensor, smooth: number): Tensor {
  return call(softmaxCrossEntropyOp, [x, target, scale], { smooth })[1] as Tensor
}
