import firstTapsText from '../../shaders/conv/first_taps.wgsl?raw'
import forwardText from '../../shaders/conv/forward.wgsl?raw'
import inputGradText from '../../shaders/conv/input_grad.wgsl?raw'
import partsText from '../../shaders/conv/parts.wgsl?raw'
import storeSumsText from '../../shaders/conv/store_sums.wgsl?raw'
import stripText from '../../shaders/conv/strip.wgsl?raw'
import stripPlaceText from '../../shaders/conv/strip_place.wgsl?raw'
import stripRowText from '../../shaders/conv/strip_row.wgsl?raw'
import stripWeightGradText from '../../shaders/conv/strip_weight_grad.wgsl?raw'
import tapRowsText from '../../shaders/conv/tap_rows.wgsl?raw'
import weightGradText from '../../shaders/conv/weight_grad.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { ParamTypes } from '../gpu/template.ts'
import { numel } from '../shape.ts'
import type { MatmulTile, TiledCall } from './matmul-kernels.ts'

/** Parameters of kernels at stride 1 whose threads lie in one line. */
export const lineSizes: ParamTypes = {
  ...{ N: 'int', H: 'int', W: 'int', C: 'int', O: 'int', P: 'int', Q: 'int', G: 'int' },
  ...{ KH: 'int', KW: 'int', PH: 'int', PW: 'int', DH: 'int' },
  ...{ TM: 'int', TN: 'int', WX: 'int', EPILOGUE_DECLS: 'code' },
}
const stripSizes: ParamTypes = { ...lineSizes, WY: 'int' }
const sizes: ParamTypes = { ...stripSizes, SH: 'int', SW: 'int', DW: 'int' }

/** What kernels by strips of a row include. */
export const stripIncludes = { 'conv/strip_place.wgsl': stripPlaceText, 'conv/strip_row.wgsl': stripRowText }

/** What gradients of the weights by rows of taps include. */
export const tapIncludes = { 'conv/tap_rows.wgsl': tapRowsText, 'conv/first_taps.wgsl': firstTapsText }

/** Convolution of NHWC images with weights `[o, kh, kw, c]`. */
export const convForward: Kernel = defineKernel(
  'conv/forward.wgsl',
  forwardText,
  { ...sizes, ROWS: 'int', FOLDS: 'int', VEC4: 'flag' },
  ['x: X_TYPE', 'w: W_TYPE'],
)

/** The same at stride 1, or the gradient of the images then, by strips of a row. */
export const convStrip: Kernel = defineKernel(
  'conv/strip.wgsl',
  stripText,
  { ...stripSizes, IS_GRAD: 'flag' },
  ['x: X_TYPE', 'w: W_TYPE'],
  stripIncludes,
)

/** Its gradient with respect to the images. */
export const convInputGrad: Kernel = defineKernel(
  'conv/input_grad.wgsl',
  inputGradText,
  { ...sizes, ROWS: 'int', VEC4_DY: 'flag', VEC4_W: 'flag' },
  ['dy: DY_TYPE', 'w: W_TYPE'],
)

const sumsIncludes = { 'conv/store_sums.wgsl': storeSumsText }

/** Its gradient with respect to the weights, in parts that are yet to be summed. */
export const convWeightGrad: Kernel = defineKernel(
  'conv/weight_grad.wgsl',
  weightGradText,
  { ...sizes, S: 'int', SUMS: 'flag', VEC4_X: 'flag', VEC4_DY: 'flag' },
  ['x: X_TYPE', 'dy: DY_TYPE'],
  sumsIncludes,
)

/** The same at stride 1, with the taps of a row together. */
export const convStripWeightGrad: Kernel = defineKernel(
  'conv/strip_weight_grad.wgsl',
  stripWeightGradText,
  { ...stripSizes, S: 'int', SUMS: 'flag' },
  ['x: X_TYPE', 'dy: DY_TYPE'],
  { ...sumsIncludes, ...tapIncludes },
)

/** Adds up the parts of a gradient of the weights and those of the sums of the outputs' gradient. */
export const convParts: Kernel = defineKernel(
  'conv/parts.wgsl',
  partsText,
  { COUNT: 'int', O: 'int', S: 'int', THREADS: 'int', ROW: 'int', EPILOGUE_DECLS: 'code' },
  ['parts', 'part_sums', 'sums: read_write'],
)

type Pair = readonly [height: number, width: number]

/** Sizes of a convolution; `channels` and `outputs` count all groups. */
export interface ConvShape {
  readonly images: number
  readonly size: Pair
  readonly channels: number
  readonly outputs: number
  readonly kernel: Pair
  readonly stride: Pair
  readonly padding: Pair
  readonly dilation: Pair
  readonly groups: number
}

/** Height and width of the output: `floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1`. */
export function convOutputSize({ size, kernel, stride, padding, dilation }: Omit<ConvShape, 'images'>): Pair {
  const along = (i: 0 | 1): number =>
    Math.floor((size[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1
  return [along(0), along(1)]
}

type SizeName = 'N' | 'H' | 'W' | 'C' | 'O' | 'P' | 'Q' | 'G' | 'KH' | 'KW' | 'SH' | 'SW' | 'PH' | 'PW' | 'DH' | 'DW'

/** The sizes by the names that the kernels give them. */
export function convSizes(shape: ConvShape): Readonly<Record<SizeName, number>> {
  const { images, size, channels, outputs, kernel, stride, padding, dilation, groups } = shape
  const [p, q] = convOutputSize(shape)
  return {
    ...{ N: images, H: size[0], W: size[1], C: channels / groups, O: outputs / groups, P: p, Q: q, G: groups },
    ...{ KH: kernel[0], KW: kernel[1], SH: stride[0], SW: stride[1] },
    ...{ PH: padding[0], PW: padding[1], DH: dilation[0], DW: dilation[1] },
  }
}

function call(
  kernel: Kernel,
  params: Readonly<Record<string, number | boolean>>,
  { tm, tn, wx, wy }: MatmulTile,
  [rows, columns, depth]: readonly [number, number, number],
): TiledCall {
  return {
    kernel,
    params: { ...params, TM: tm, TN: tn, WX: wx, WY: wy },
    grid: [Math.ceil(columns / (wx * tn)), Math.ceil(rows / (wy * tm)), depth],
  }
}

/** Rows of workgroups beyond the limit of a grid, folded into its depth. */
export function foldedRows(count: number): { rows: number; folds: number } {
  const folds = Math.max(1, Math.ceil(count / 65535))
  return { rows: Math.ceil(count / folds), folds }
}

function folded({ kernel, params, grid: [x, y, z] }: TiledCall): TiledCall {
  const { rows, folds } = foldedRows(y)
  const own: TiledCall['params'] = kernel === convForward ? { ROWS: rows, FOLDS: folds } : { ROWS: rows }
  return { kernel, params: { ...params, ...own }, grid: [x, rows, z * folds] }
}

/** The call of the strip kernel; null where it does not apply. As a gradient, `shape` is still that of the convolution. */
export function convStripCall(shape: ConvShape, isGrad: boolean, tile: MatmulTile): TiledCall | null {
  const { N, G, KH, KW, DH } = convSizes(shape)
  const sides = stripSides(shape, isGrad)
  if (sides === null || sides.Q % tile.tm !== 0) return null
  const params = { N, G, KH, KW, DH, ...sides, IS_GRAD: isGrad }
  return call(convStrip, params, tile, [N * sides.P * sides.Q, sides.O, shape.groups])
}

/** Multiply-adds of a shader's text that a software driver still compiles fast. */
export const STRIP_TEXT = 200

/** Whether the taps of a row lie side by side and so do the windows: what strips of a row need. */
export function isNear({ stride, dilation, kernel }: ConvShape): boolean {
  return stride[0] === 1 && stride[1] === 1 && dilation[1] === 1 && kernel[1] > 1
}

/** Sizes as the strip kernel reads them, turned round for a gradient; null where it does not apply. */
export function stripSides(
  shape: ConvShape,
  isGrad: boolean,
): Readonly<Record<'H' | 'W' | 'C' | 'O' | 'P' | 'Q' | 'PH' | 'PW', number>> | null {
  const { H, W, C, O, P, Q, KH, KW, PH, PW, DH } = convSizes(shape)
  if (!isNear(shape)) return null
  const turned = { H: P, W: Q, C: O, O: C, P: H, Q: W, PH: DH * (KH - 1) - PH, PW: KW - 1 - PW }
  const sides = isGrad ? turned : { H, W, C, O, P, Q, PH, PW }
  return sides.PH < 0 || sides.PW < 0 ? null : sides
}

/** The kernel call of the convolution itself. */
export function convForwardCall(shape: ConvShape, tile: MatmulTile): TiledCall {
  const params = convSizes(shape)
  const rows = shape.images * numel(convOutputSize(shape))
  return folded(call(convForward, { ...params, VEC4: params.C % 4 === 0 }, tile, [rows, params.O, shape.groups]))
}

/** The kernel call of the gradient of the input. */
export function convInputGradCall(shape: ConvShape, tile: MatmulTile): TiledCall {
  const params = convSizes(shape)
  const { images, size, stride, groups } = shape
  const rows = images * Math.ceil(size[0] / stride[0]) * Math.ceil(size[1] / stride[1])
  const flags = { VEC4_DY: params.O % 4 === 0, VEC4_W: params.C % 4 === 0 && tile.tn % 4 === 0 }
  return folded(call(convInputGrad, { ...params, ...flags }, tile, [rows, params.C, groups * stride[0] * stride[1]]))
}

/** The tile and the number of parts for the gradient of the weights. */
export interface WeightGradChoice {
  readonly tile: MatmulTile
  readonly parts: number
  /** The tile is of rows of taps, for the strip kernel. */
  readonly isStrip?: boolean
}

/** The kernel call of the gradient of the weights, which writes `[parts, outputs, kh, kw, c]`. */
export function convWeightGradCall(shape: ConvShape, { tile, parts, isStrip }: WeightGradChoice): TiledCall {
  const sides = convSizes(shape)
  const { O: outputs, C: channels, KH, KW } = sides
  if (isStrip) {
    const { SH: _sh, SW: _sw, DW: _dw, ...near } = sides
    return call(convStripWeightGrad, { ...near, S: parts, SUMS: false }, tile, [
      outputs,
      KH * channels,
      shape.groups * parts,
    ])
  }
  const flags = {
    VEC4_X: channels % 4 === 0 && tile.tn % 4 === 0,
    VEC4_DY: outputs % 4 === 0 && tile.tm % 4 === 0,
  }
  const params = { ...sides, ...flags, S: parts, SUMS: false }
  return call(convWeightGrad, params, tile, [outputs, KH * KW * channels, shape.groups * parts])
}
