import cumsumText from '../../shaders/scan/cumsum.wgsl?raw'
import { computeType } from '../dtype.ts'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import { type KernelOp, needDtype } from '../graph/op.ts'
import { call1, type Tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { gridOf, normalizeAxis, numel } from '../shape.ts'
import { add } from './arithmetic.ts'
import { cast } from './elementwise.ts'
import { pad, slice } from './movement.ts'
import { reshape } from './reshape.ts'

type Line = { readonly axis: number; readonly isReversed: boolean }

const cumsumKernel: Kernel = defineKernel(
  'scan/cumsum.wgsl',
  cumsumText,
  {
    LINES: 'int',
    SIZE: 'int',
    INNER: 'int',
    ROW: 'int',
    TYPE: 'code',
    REVERSED: 'flag',
    LOAD_X: 'code',
    EPILOGUE_DECLS: 'code',
  },
  [],
)

/** Running sums along an axis, each line by one invocation: for short lines, or many. */
export const cumsumOp: KernelOp<'x', Line> = {
  kind: 'kernel',
  name: 'cumsum',
  inputs: ['x'],
  virtual: ['x'],
  epilogue: true,
  infer: ([x]) => {
    needDtype('cumsum', 'x', x as Spec, 'f32', 'f16', 'i32', 'u32')
    return [x as Spec]
  },
  lower: ({ inputs, attrs: { axis, isReversed } }) => {
    const { shape, dtype } = inputs[0] as Spec
    const size = shape[axis] as number
    const lines = size === 0 ? 0 : numel(shape) / size
    const grid = gridOf(Math.ceil(lines / 64))
    const params = {
      LINES: lines,
      SIZE: size,
      INNER: numel(shape.slice(axis + 1)),
      ROW: grid[0] * 64,
      TYPE: computeType(dtype),
      REVERSED: isReversed,
    }
    return [
      {
        kernel: cumsumKernel,
        params,
        bindings: {},
        grid,
        loads: { LOAD_X: { input: 0, name: 'load_x' } },
        epilogue: true,
        flops: lines * size,
        bytes: 8 * lines * size,
      },
    ]
  },
  cost: ([x]) => ({ flops: numel((x as Spec).shape), bytes: 8 * numel((x as Spec).shape) }),
  backward: ({ grad, attrs }) => ({ x: () => scan(grad, attrs.axis, !attrs.isReversed) }),
  saves: [],
}

/** Elements of a line up to which one invocation adds them all. */
const longestLine = 256

/** Long lines are cut into pieces: the sums of the pieces are scanned in turn, and added to what follows them. */
function scan(x: Tensor, axis: number, isReversed: boolean): Tensor {
  const size = x.shape[axis] as number
  if (size <= longestLine) return call1(cumsumOp, [x], { axis, isReversed })
  const pieces = Math.ceil(size / longestLine)
  const missing = pieces * longestLine - size
  const along = (range: readonly [number, number]): (readonly [number, number] | null)[] =>
    x.shape.map((_, d) => (d === axis ? range : null))
  const even =
    missing === 0
      ? x
      : pad(
          x,
          x.shape.map((_, d) => [0, d === axis ? missing : 0] as const),
        )
  const cut = reshape(even, [...x.shape.slice(0, axis), pieces, longestLine, ...x.shape.slice(axis + 1)])
  const inner = call1(cumsumOp, [cut], { axis: axis + 1, isReversed })
  const piece = (range: readonly [number, number], of: readonly [number, number]): Tensor =>
    slice(
      inner,
      inner.shape.map((_, d) => (d === axis ? range : d === axis + 1 ? of : null)),
    )
  const total: readonly [number, number] = isReversed ? [0, 1] : [longestLine - 1, longestLine]
  const before = scan(piece(isReversed ? [1, pieces] : [0, pieces - 1], total), axis, isReversed)
  const shifted = pad(
    before,
    before.shape.map((_, d) => (d !== axis ? [0, 0] : isReversed ? [0, 1] : [1, 0]) as [number, number]),
  )
  return slice(reshape(add(inner, shifted), even.shape), along([0, size]))
}

/** Running sums along an axis: element k of a line is the sum of its elements up to and with k. Counts true values of bool. */
export function cumsum(x: Tensor, axis: number): Tensor {
  const along = normalizeAxis('cumsum', axis, x.shape.length)
  return scan(x.dtype === 'bool' ? cast(x, 'i32') : x, along, false)
}
