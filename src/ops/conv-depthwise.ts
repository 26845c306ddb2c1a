import depthwiseText from '../../shaders/conv/depthwise.wgsl?raw'
import depthwiseInputGradText from '../../shaders/conv/depthwise_input_grad.wgsl?raw'
import depthwiseWeightGradText from '../../shaders/conv/depthwise_weight_grad.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { ParamTypes } from '../gpu/template.ts'
import { gridOf } from '../shape.ts'
import { type ConvShape, convSizes } from './conv-kernels.ts'
import type { TiledCall } from './matmul-kernels.ts'

const types: ParamTypes = {
  ...{ N: 'int', H: 'int', W: 'int', P: 'int', Q: 'int', G: 'int' },
  ...{ KH: 'int', KW: 'int', SH: 'int', SW: 'int', PH: 'int', PW: 'int', DH: 'int', DW: 'int' },
  ...{ VEC4: 'flag', THREADS: 'int', ROW: 'int', EPILOGUE_DECLS: 'code' },
}

/** Convolution with a kernel for each channel; at stride 1 also its gradient with respect to the images. */
export const convDepthwise: Kernel = defineKernel(
  'conv/depthwise.wgsl',
  depthwiseText,
  { ...types, IS_GRAD: 'flag', TM: 'int' },
  ['x: X_TYPE', 'w: W_TYPE'],
)

/** Its gradient with respect to the images at any stride. */
export const convDepthwiseInputGrad: Kernel = defineKernel(
  'conv/depthwise_input_grad.wgsl',
  depthwiseInputGradText,
  types,
  ['dy: DY_TYPE', 'w: W_TYPE'],
)

/** Its gradient with respect to the weights, in parts that are yet to be summed. */
export const convDepthwiseWeightGrad: Kernel = defineKernel(
  'conv/depthwise_weight_grad.wgsl',
  depthwiseWeightGradText,
  { ...types, S: 'int' },
  ['x: X_TYPE', 'dy: DY_TYPE'],
)

const THREADS = 64

// Pixels of a row that a thread keeps in registers at most.
const MOST_LOADS = 24

/** True where every channel has a kernel of its own, and one output. */
export function isDepthwise({ channels, outputs, groups }: ConvShape): boolean {
  return groups > 1 && channels === groups && outputs === groups
}

function call(
  kernel: Kernel,
  shape: ConvShape,
  lines: number,
  more: Readonly<Record<string, number | boolean>>,
): TiledCall {
  const { C: _c, O: _o, ...sizes } = convSizes(shape)
  const grid = gridOf(Math.ceil((lines * sizes.G) / (sizes.G % 4 === 0 ? 4 : 1) / THREADS))
  const own = { VEC4: sizes.G % 4 === 0, THREADS, ROW: grid[0] * THREADS }
  return { kernel, params: { ...sizes, ...own, ...more }, grid }
}

/** The kernel call of the convolution with `tm` pixels a thread; null where they need too many registers. */
export function convDepthwiseCall(shape: ConvShape, tm: number): TiledCall | null {
  const { N, P, Q, KW, SW, DW } = convSizes(shape)
  if ((tm - 1) * SW + (KW - 1) * DW + 1 > MOST_LOADS) return null
  return call(convDepthwise, shape, N * P * Math.ceil(Q / tm), { IS_GRAD: false, TM: tm })
}

/** The kernel call of the gradient of the images, by strips of `tm` pixels; null where these do not apply. */
export function convDepthwiseStripGradCall(shape: ConvShape, tm: number): TiledCall | null {
  const { N, H, W, P, Q, KH, KW, SH, SW, PH, PW, DH, DW } = convSizes(shape)
  const turned = { H: P, W: Q, P: H, Q: W, PH: DH * (KH - 1) - PH, PW: DW * (KW - 1) - PW }
  const isWide = tm - 1 + (KW - 1) * DW + 1 > MOST_LOADS
  if (SH * SW !== 1 || isWide || turned.PH < 0 || turned.PW < 0) return null
  return call(convDepthwise, shape, N * H * Math.ceil(W / tm), { ...turned, IS_GRAD: true, TM: tm })
}

/** The kernel call of the gradient of the images, pixel by pixel. */
export function convDepthwiseInputGradCall(shape: ConvShape): TiledCall {
  const { N, H, W } = convSizes(shape)
  return call(convDepthwiseInputGrad, shape, N * H * W, {})
}

/** The kernel call of the gradient of the weights, which writes `[parts, channels, kh, kw]`. */
export function convDepthwiseWeightGradCall(shape: ConvShape, parts: number): TiledCall {
  return call(convDepthwiseWeightGrad, shape, shape.kernel[0] * parts, { S: parts })
}

/** Parts of the weights' gradient of one row or more each that give every core work, of `most` at most. */
export function depthwiseParts(shape: ConvShape, isSoftware: boolean, most: number): number {
  const { N, P, G, KH } = convSizes(shape)
  const threads = (KH * G) / (G % 4 === 0 ? 4 : 1)
  return Math.max(1, Math.min(Math.ceil((isSoftware ? 128 : 16384) / threads), N * P, most))
}
