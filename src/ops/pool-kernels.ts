import poolWindowsText from '../../shaders/lib/pool_windows.wgsl?raw'
import avgText from '../../shaders/pool/avg.wgsl?raw'
import avgGradText from '../../shaders/pool/avg_grad.wgsl?raw'
import maxText from '../../shaders/pool/max.wgsl?raw'
import maxCellGradText from '../../shaders/pool/max_cell_grad.wgsl?raw'
import maxGradText from '../../shaders/pool/max_grad.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { ParamTypes } from '../gpu/template.ts'
import type { TiledCall } from './matmul-kernels.ts'

const sizes: ParamTypes = {
  ...{ N: 'int', H: 'int', W: 'int', C: 'int', P: 'int', Q: 'int', KH: 'int', KW: 'int' },
  ...{ SH: 'int', SW: 'int', PH: 'int', PW: 'int', GRID_X: 'int', EPILOGUE_DECLS: 'code' },
}
const maxParams: ParamTypes = { ...sizes, DH: 'int', DW: 'int' }
const avgParams: ParamTypes = { ...sizes, COUNT_PADDING: 'flag' }
const reach: ParamTypes = { REACH_H: 'int', REACH_W: 'int' }
const includes = { 'lib/pool_windows.wgsl': poolWindowsText }

/** Largest element of each window, or its place in the window. */
export const maxPool: Kernel = defineKernel('pool/max.wgsl', maxText, { ...maxParams, IS_PLACE: 'flag' }, ['x: X_TYPE'])

/** Its gradient, which goes to the first largest element, from the places. */
export const maxPoolGrad: Kernel = defineKernel(
  'pool/max_grad.wgsl',
  maxGradText,
  { ...maxParams, ...reach },
  ['places', 'dy: DY_TYPE'],
  includes,
)

/** The same for windows that do not overlap, from the images. */
export const maxPoolCellGrad: Kernel = defineKernel(
  'pool/max_cell_grad.wgsl',
  maxCellGradText,
  { ...maxParams, CP: 'int', CQ: 'int', HAS_EDGES: 'flag' },
  ['x: X_TYPE', 'dy: DY_TYPE'],
)

/** Mean of each window. */
export const avgPool: Kernel = defineKernel('pool/avg.wgsl', avgText, avgParams, ['x: X_TYPE'])

/** Its gradient. */
export const avgPoolGrad: Kernel = defineKernel(
  'pool/avg_grad.wgsl',
  avgGradText,
  { ...avgParams, ...reach },
  ['dy: DY_TYPE'],
  includes,
)

type Pair = readonly [height: number, width: number]

/** Sizes of a pooling of NHWC images. */
export interface PoolShape {
  readonly images: number
  readonly size: Pair
  readonly channels: number
  readonly kernel: Pair
  readonly stride: Pair
  readonly padding: Pair
  /** Of a mean: always 1. */
  readonly dilation: Pair
}

/** Height and width of the output: `floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1`. */
export function poolOutputSize({
  size,
  kernel,
  stride,
  padding,
  dilation,
}: Omit<PoolShape, 'images' | 'channels'>): Pair {
  const along = (i: 0 | 1): number =>
    Math.floor((size[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1
  return [along(0), along(1)]
}

function call(
  kernel: Kernel,
  shape: PoolShape,
  elements: number,
  own: Readonly<Record<string, number | boolean>>,
): TiledCall {
  const { images, size, channels, kernel: window, stride, padding } = shape
  const [p, q] = poolOutputSize(shape)
  const groups = Math.ceil(elements / 64)
  const width = Math.min(groups, 65535)
  const params = {
    ...{ N: images, H: size[0], W: size[1], C: channels, P: p, Q: q, KH: window[0], KW: window[1] },
    ...{ SH: stride[0], SW: stride[1], PH: padding[0], PW: padding[1], GRID_X: width },
    ...own,
  }
  return { kernel, params, grid: [width, Math.ceil(groups / width), 1] }
}

function inputs({ images, size, channels }: PoolShape): number {
  return images * size[0] * size[1] * channels
}

function outputs(shape: PoolShape): number {
  const [p, q] = poolOutputSize(shape)
  return shape.images * p * q * shape.channels
}

function dilated({ dilation }: PoolShape): { DH: number; DW: number } {
  return { DH: dilation[0], DW: dilation[1] }
}

/** Windows along each axis that may hold one pixel. */
function reached({ kernel, stride, dilation }: PoolShape): { REACH_H: number; REACH_W: number } {
  const along = (i: 0 | 1): number => Math.ceil((dilation[i] * (kernel[i] - 1) + 1) / stride[i])
  return { REACH_H: along(0), REACH_W: along(1) }
}

/** The kernel call of the largest element, from x. */
export function maxPoolCall(shape: PoolShape): TiledCall {
  return call(maxPool, shape, outputs(shape), { ...dilated(shape), IS_PLACE: false })
}

/** The kernel call of the largest element's place `kh KW + kw` in its window, as f32, from x. */
export function maxPoolPlacesCall(shape: PoolShape): TiledCall {
  return call(maxPool, shape, outputs(shape), { ...dilated(shape), IS_PLACE: true })
}

// Cells are written out pixel by pixel in the shader.
const MOST_CELL_PIXELS = 16

/** Whether the windows lie apart and are small, so that one thread may write all the gradient of a window. */
export function hasPoolCells({ kernel, stride, dilation }: PoolShape): boolean {
  const isApart = (i: 0 | 1): boolean => stride[i] >= dilation[i] * (kernel[i] - 1) + 1
  return isApart(0) && isApart(1) && stride[0] * stride[1] <= MOST_CELL_PIXELS
}

/** The kernel call of the gradient of the largest element, from x and dy, where the windows are cells. */
export function maxPoolCellGradCall(shape: PoolShape): TiledCall {
  const { images, size, channels, stride, padding } = shape
  const cells = (i: 0 | 1): number => Math.ceil((size[i] + padding[i]) / stride[i])
  const isWhole = (i: 0 | 1): boolean => padding[i] === 0 && size[i] % stride[i] === 0
  const own = { CP: cells(0), CQ: cells(1), HAS_EDGES: !(isWhole(0) && isWhole(1)) }
  return call(maxPoolCellGrad, shape, images * cells(0) * cells(1) * channels, { ...dilated(shape), ...own })
}

/** The kernel call of the same gradient for any windows, from the places and dy. */
export function maxPoolGradCall(shape: PoolShape): TiledCall {
  return call(maxPoolGrad, shape, inputs(shape), { ...dilated(shape), ...reached(shape) })
}

/** The kernel call of the mean, from x. */
export function avgPoolCall(shape: PoolShape, countIncludePad: boolean): TiledCall {
  return call(avgPool, shape, outputs(shape), { COUNT_PADDING: countIncludePad })
}

/** The kernel call of its gradient, from dy. */
export function avgPoolGradCall(shape: PoolShape, countIncludePad: boolean): TiledCall {
  return call(avgPoolGrad, shape, inputs(shape), { COUNT_PADDING: countIncludePad, ...reached(shape) })
}
