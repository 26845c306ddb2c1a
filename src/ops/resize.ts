import { fail } from '../errors.ts'
import { type KernelOp, needDtype } from '../graph/op.ts'
import { call1, type Tensor, tensor } from '../graph/tensor.ts'
import type { Spec } from '../graph/value.ts'
import { formatShape, numel } from '../shape.ts'
import { take } from './gather.ts'
import { avgPool2d, maxPool2d } from './pool.ts'
import { type ResampleKind, resampleCalls } from './resample-kernels.ts'
import { type Pair, type PairOption, pairOf } from './window.ts'

type Resample = {
  readonly axis: number
  readonly size: number
  readonly map: ResampleKind
  readonly transposed: boolean
}

function resampledShape({ shape }: Spec, { axis, size }: Resample): number[] {
  return shape.map((s, d) => (d === axis ? size : s))
}

/** A linear map along an axis to `size` elements; transposed, the gradient of the map from `size` elements to those of the axis. */
export const resampleOp: KernelOp<'x', Resample> = {
  kind: 'kernel',
  name: 'resample',
  inputs: ['x'],
  virtual: ['x'],
  epilogue: true,
  halfOutput: true,
  infer: ([x], attrs) => [{ shape: resampledShape(x as Spec, attrs), dtype: (x as Spec).dtype }],
  lower: ({ inputs: [x], attrs: { axis, size, map, transposed } }) =>
    resampleCalls((x as Spec).shape, axis, size, map, transposed),
  cost: ([x], [y]) => {
    const [read, written] = [numel((x as Spec).shape), numel((y as Spec).shape)]
    return { flops: 2 * Math.max(read, written), bytes: 4 * (read + written) }
  },
  backward: ({ in: { x }, grad, attrs }) => ({
    x: () =>
      call1(resampleOp, [grad], {
        ...attrs,
        size: x.shape[attrs.axis] as number,
        transposed: !attrs.transposed,
      }),
  }),
  saves: ['x'],
}

/** The largest size for which positions between pixels are exact in 32 bits. */
const largest = 32767

function sizes(op: string, x: Tensor, size: PairOption): Pair {
  needDtype(op, 'x', x, 'f32')
  const to = pairOf(op, 'size', size, 1)
  const shown = `x is ${formatShape(x.shape)}`
  if (x.shape.length !== 4) fail(op, shown, 'it must be [images, height, width, channels]')
  const from = x.shape.slice(1, 3) as [number, number]
  if (from.some((s) => s < 1)) fail(op, shown, 'images must hold at least one pixel')
  if ([...from, ...to].some((s) => s > largest)) {
    fail(op, `${shown} and the size ${formatShape(to)}`, `heights and widths go up to ${largest}`)
  }
  return to
}

/** Height and width, the one first that leaves fewer elements between. */
function resample(x: Tensor, to: Pair, map: ResampleKind): Tensor {
  const [, height = 1, width = 1] = x.shape
  const axes = to[0] * width <= height * to[1] ? [1, 2] : [2, 1]
  return axes.reduce((h, axis) => {
    const size = to[axis - 1] as number
    return h.shape[axis] === size ? h : call1(resampleOp, [h], { axis, size, map, transposed: false })
  }, x)
}

/** Options of {@link resize}. */
export interface ResizeOptions {
  /** The nearest pixel to the upper left, or between the four around; 'nearest' unless given. */
  readonly mode?: 'nearest' | 'bilinear'
  /** The centers of the corner pixels stay where they are, and not the edges of the image; for 'bilinear'. False unless given. */
  readonly alignCorners?: boolean
}

/**
 * Images in another size: x [N, H, W, C], size [P, Q] in pixels -> [N, P, Q, C], f32. As PyTorch's `interpolate`: pixels are squares,
 * and shrinking does not average.
 */
export function resize(
  x: Tensor,
  size: PairOption,
  { mode = 'nearest', alignCorners = false }: ResizeOptions = {},
): Tensor {
  if (mode !== 'nearest' && mode !== 'bilinear')
    fail('resize', `mode is '${String(mode)}'`, "it must be 'nearest' or 'bilinear'")
  if (mode === 'nearest' && alignCorners)
    fail('resize', "alignCorners with mode 'nearest'", "it is for mode 'bilinear'")
  return resample(x, sizes('resize', x, size), mode === 'nearest' ? 'nearest' : alignCorners ? 'corners' : 'linear')
}

/**
 * Means of windows that cover the image, as many as `size` says: x [N, H, W, C], size [P, Q] -> [N, P, Q, C], f32. Window p has the
 * rows from floor(p H / P) to ceil((p + 1) H / P); windows overlap where the sizes do not divide.
 */
export function adaptiveAvgPool2d(x: Tensor, size: PairOption): Tensor {
  const to = sizes('adaptiveAvgPool2d', x, size)
  const window = evenWindow(x, to)
  return window ? avgPool2d(x, window) : resample(x, to, 'mean')
}

/** Largest elements of the windows of {@link adaptiveAvgPool2d}; of equals the first one gets the gradient, row by row. */
export function adaptiveMaxPool2d(x: Tensor, size: PairOption): Tensor {
  const to = sizes('adaptiveMaxPool2d', x, size)
  const window = evenWindow(x, to)
  if (window) return maxPool2d(x, window)
  const [rows, tall] = repeatedWindows(x, 1, to[0])
  const [tiles, wide] = repeatedWindows(rows, 2, to[1])
  return maxPool2d(tiles, [tall, wide])
}

/** The window where the sizes divide. */
function evenWindow(x: Tensor, to: Pair): Pair | null {
  const [, height = 0, width = 0] = x.shape
  return height % to[0] === 0 && width % to[1] === 0 ? [height / to[0], width / to[1]] : null
}

/**
 * The windows along an axis one after another, and their length. One shorter than the longest repeats its last element, which wins
 * nowhere that the first of equals does.
 */
function repeatedWindows(x: Tensor, axis: number, size: number): readonly [Tensor, number] {
  const from = x.shape[axis] as number
  const starts = Array.from({ length: size }, (_, p) => Math.floor((p * from) / size))
  const ends = starts.map((_, p) => Math.ceil(((p + 1) * from) / size))
  const length = Math.max(...ends.map((end, p) => end - (starts[p] as number)))
  const ids = Int32Array.from({ length: size * length }, (_, k) => {
    const p = Math.floor(k / length)
    return Math.min((starts[p] as number) + (k % length), (ends[p] as number) - 1)
  })
  const windows = size === from ? x : take(x, axis, tensor(ids, { shape: [size * length], device: x.device }))
  return [windows, length]
}
