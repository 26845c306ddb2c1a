import avgText from '../../shaders/pool/avg.wgsl?raw'
import avgGradText from '../../shaders/pool/avg_grad.wgsl?raw'
import maxText from '../../shaders/pool/max.wgsl?raw'
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

/** Largest element of each window. */
export const maxPool: Kernel = defineKernel('pool/max.wgsl', maxText, maxParams, ['x'])

/** Its gradient, which goes to the first largest element. */
export const maxPoolGrad: Kernel = defineKernel('pool/max_grad.wgsl', maxGradText, maxParams, ['x', 'dy'])

/** Mean of each window. */
export const avgPool: Kernel = defineKernel('pool/avg.wgsl', avgText, avgParams, ['x'])

/** Its gradient. */
export const avgPoolGrad: Kernel = defineKernel('pool/avg_grad.wgsl', avgGradText, avgParams, ['dy'])

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

/** The kernel call of the largest element, from x. */
export function maxPoolCall(shape: PoolShape): TiledCall {
  return call(maxPool, shape, outputs(shape), { DH: shape.dilation[0], DW: shape.dilation[1] })
}

/** The kernel call of its gradient, from x and dy. */
export function maxPoolGradCall(shape: PoolShape): TiledCall {
  return call(maxPoolGrad, shape, inputs(shape), { DH: shape.dilation[0], DW: shape.dilation[1] })
}

/** The kernel call of the mean, from x. */
export function avgPoolCall(shape: PoolShape, countIncludePad: boolean): TiledCall {
  return call(avgPool, shape, outputs(shape), { COUNT_PADDING: countIncludePad })
}

/** The kernel call of its gradient, from dy. */
export function avgPoolGradCall(shape: PoolShape, countIncludePad: boolean): TiledCall {
  return call(avgPoolGrad, shape, inputs(shape), { COUNT_PADDING: countIncludePad })
}
