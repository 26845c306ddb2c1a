import forwardText from '../../shaders/conv/forward.wgsl?raw'
import inputGradText from '../../shaders/conv/input_grad.wgsl?raw'
import stripText from '../../shaders/conv/strip.wgsl?raw'
import stripWeightGradText from '../../shaders/conv/strip_weight_grad.wgsl?raw'
import weightGradText from '../../shaders/conv/weight_grad.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { ParamTypes } from '../gpu/template.ts'
import { type MatmulTile, registerTile, type TiledCall } from './matmul-kernels.ts'

const stripSizes: ParamTypes = {
  ...{ N: 'int', H: 'int', W: 'int', C: 'int', O: 'int', P: 'int', Q: 'int', G: 'int' },
  ...{ KH: 'int', KW: 'int', PH: 'int', PW: 'int', DH: 'int' },
  ...{ TM: 'int', TN: 'int', WX: 'int', WY: 'int', EPILOGUE_DECLS: 'code' },
}
const sizes: ParamTypes = { ...stripSizes, SH: 'int', SW: 'int', DW: 'int' }

/** Convolution of NHWC images with weights `[o, kh, kw, c]`. */
export const convForward: Kernel = defineKernel(
  'conv/forward.wgsl',
  forwardText,
  { ...sizes, ROWS: 'int', FOLDS: 'int', VEC4: 'flag' },
  ['x', 'w'],
)

/** The same at stride 1, or the gradient of the images then, by strips of a row. */
export const convStrip: Kernel = defineKernel('conv/strip.wgsl', stripText, { ...stripSizes, IS_GRAD: 'flag' }, [
  'x',
  'w',
])

/** Its gradient with respect to the images. */
export const convInputGrad: Kernel = defineKernel(
  'conv/input_grad.wgsl',
  inputGradText,
  { ...sizes, ROWS: 'int', VEC4_DY: 'flag', VEC4_W: 'flag' },
  ['dy', 'w'],
)

/** Its gradient with respect to the weights, in parts that are yet to be summed. */
export const convWeightGrad: Kernel = defineKernel(
  'conv/weight_grad.wgsl',
  weightGradText,
  { ...sizes, S: 'int', VEC4_X: 'flag', VEC4_DY: 'flag' },
  ['x', 'dy'],
)

/** The same at stride 1, with the taps of a row together. */
export const convStripWeightGrad: Kernel = defineKernel(
  'conv/strip_weight_grad.wgsl',
  stripWeightGradText,
  { ...stripSizes, S: 'int' },
  ['x', 'dy'],
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

function sizesOf(shape: ConvShape): Readonly<Record<SizeName, number>> {
  const { images, size, channels, outputs, kernel, stride, padding, dilation, groups } = shape
  const [p, q] = convOutputSize(shape)
  return {
    ...{ N: images, H: size[0], W: size[1], C: channels / groups, O: outputs / groups, P: p, Q: q, G: groups },
    ...{ KH: kernel[0], KW: kernel[1], SH: stride[0], SW: stride[1] },
    ...{ PH: padding[0], PW: padding[1], DH: dilation[0], DW: dilation[1] },
  }
}

// Finding a pixel of a tap costs about as much as this many multiply-adds; so does checking a column's bounds.
const TAP_COST = 16
const COLUMN_COST = 6

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

/** The same work with rows of workgroups beyond the limit of a grid folded into its depth. */
function folded({ kernel, params, grid: [x, y, z] }: TiledCall): TiledCall {
  const folds = Math.ceil(y / 65535)
  const rows = Math.ceil(y / folds)
  const own: TiledCall['params'] = kernel === convForward ? { ROWS: rows, FOLDS: folds } : { ROWS: rows }
  return { kernel, params: { ...params, ...own }, grid: [x, rows, z * folds] }
}

// A load in multiply-adds, and the multiply-adds of a shader's text that a software driver still compiles fast.
const STRIP_LOAD = 8
const STRIP_TEXT = 200

/** The tile of the strip kernel for an output of `columns` and `outputs` per group; null where none pays. */
export function stripTile(columns: number, outputs: number, kernelWidth: number): MatmulTile | null {
  let best: MatmulTile | null = null
  let bestCost = Number.POSITIVE_INFINITY
  for (let tm = 4; tm <= Math.min(columns, 16); tm++) {
    if (columns % tm !== 0) continue
    for (const tn of [8, 4, 3, 2, 1]) {
      const across = Math.ceil(outputs / tn)
      const wx = Math.min(4, across)
      const tile = { tm, tn, wx, wy: Math.floor(16 / wx) }
      if (tm * tn * kernelWidth > STRIP_TEXT) continue
      const each = tm * tn * kernelWidth + STRIP_LOAD * (tm + kernelWidth - 1 + kernelWidth * tn)
      const cost = (each * Math.ceil(across / wx) * wx) / tm
      if (cost < bestCost) {
        best = tile
        bestCost = cost
      }
    }
  }
  return best
}

/**
 * The call of the strip kernel on a software device, whose loads are dear; null where it does not apply. As a gradient,
 * `shape` is still that of the convolution.
 */
export function convStripCall(shape: ConvShape, isGrad: boolean, given?: MatmulTile): TiledCall | null {
  const { stride, dilation, kernel, groups } = shape
  const { N, H, W, C, O, P, Q, G, KH, KW, PH, PW, DH } = sizesOf(shape)
  if (stride[0] !== 1 || stride[1] !== 1 || dilation[1] !== 1 || kernel[1] < 2) return null
  const turned = { H: P, W: Q, C: O, O: C, P: H, Q: W, PH: DH * (KH - 1) - PH, PW: KW - 1 - PW }
  const sides = isGrad ? turned : { H, W, C, O, P, Q, PH, PW }
  const tile = given ?? stripTile(sides.Q, sides.O, KW)
  if (tile === null || sides.Q % tile.tm !== 0 || sides.PH < 0 || sides.PW < 0) return null
  const params = { N, G, KH, KW, DH, ...sides, IS_GRAD: isGrad }
  return call(convStrip, params, tile, [N * sides.P * sides.Q, sides.O, groups])
}

// Below this many multiply-adds a kernel that compiles faster wins.
const STRIP_WORK = 2 ** 20

function workOf(shape: ConvShape): number {
  const [p, q] = convOutputSize(shape)
  const { images, channels, outputs, kernel, groups } = shape
  return images * p * q * outputs * kernel[0] * kernel[1] * (channels / groups)
}

function stripCall(shape: ConvShape, isGrad: boolean): TiledCall | null {
  return workOf(shape) < STRIP_WORK ? null : convStripCall(shape, isGrad)
}

/** The kernel call of the convolution itself. */
export function convForwardCall(shape: ConvShape, isSoftware: boolean, given?: MatmulTile): TiledCall {
  const strip = isSoftware && !given ? stripCall(shape, false) : null
  if (strip) return strip
  const params = sizesOf(shape)
  const [p, q] = convOutputSize(shape)
  const rows = shape.images * p * q
  const taps = shape.kernel[0] * shape.kernel[1]
  const tile =
    given ??
    registerTile({
      rows,
      columns: params.O,
      batches: shape.groups,
      depth: taps * params.C,
      isSoftware,
      rowCost: TAP_COST / params.C,
    })
  return folded(call(convForward, { ...params, VEC4: params.C % 4 === 0 }, tile, [rows, params.O, shape.groups]))
}

/** The kernel call of the gradient of the input. */
export function convInputGradCall(shape: ConvShape, isSoftware: boolean, given?: MatmulTile): TiledCall {
  const strip = isSoftware && !given ? stripCall(shape, true) : null
  if (strip) return strip
  const params = sizesOf(shape)
  const { images, size, stride, groups, kernel } = shape
  const rows = images * Math.ceil(size[0] / stride[0]) * Math.ceil(size[1] / stride[1])
  const phases = stride[0] * stride[1]
  const depth = Math.ceil((kernel[0] * kernel[1] * params.O) / phases)
  const tile =
    given ??
    registerTile({ rows, columns: params.C, batches: groups * phases, depth, isSoftware, rowCost: TAP_COST / params.O })
  const flags = { VEC4_DY: params.O % 4 === 0, VEC4_W: params.C % 4 === 0 && tile.tn % 4 === 0 }
  return folded(call(convInputGrad, { ...params, ...flags }, tile, [rows, params.C, groups * phases]))
}

/** The tile and the number of parts for the gradient of the weights. */
export interface WeightGradChoice {
  readonly tile: MatmulTile
  readonly parts: number
  /** The tile is of rows of taps, for the strip kernel. */
  readonly isStrip?: boolean
}

/** The choice for the strip kernel; null where it does not apply. */
function stripWeightGradChoice(shape: ConvShape, most: number): WeightGradChoice | null {
  const { stride, dilation, kernel, groups } = shape
  const isNear = stride[0] === 1 && stride[1] === 1 && dilation[1] === 1
  const room = Math.floor(STRIP_TEXT / 2 / kernel[1])
  if (!isNear || kernel[1] < 2 || room < 8 || workOf(shape) < STRIP_WORK) return null
  const { C: channels, O: outputs } = sizesOf(shape)
  const tm = outputs >= 8 ? 8 : outputs >= 4 ? 4 : 1
  const columns = kernel[0] * channels
  const tn = Math.max(1, Math.min(4, Math.floor(room / tm), Math.floor(columns / 4)))
  const across = Math.ceil(columns / tn)
  const down = Math.ceil(outputs / tm)
  const wx = Math.min(4, across)
  const wy = Math.min(Math.floor(16 / wx), down)
  const workgroups = Math.ceil(across / wx) * Math.ceil(down / wy) * groups
  // Enough workgroups that the last of them leave no core idle for long.
  return { tile: { tm, tn, wx, wy }, parts: Math.min(Math.ceil(12 / workgroups), most), isStrip: true }
}

/** The tile and parts of at least 64 pixels each that give every core work: 32 threads on software, 16,384 on a GPU. */
export function weightGradChoice(shape: ConvShape, isSoftware: boolean): WeightGradChoice {
  const { C: channels, O: outputs } = sizesOf(shape)
  const [p, q] = convOutputSize(shape)
  const columns = shape.kernel[0] * shape.kernel[1] * channels
  const pixels = shape.images * p * q
  const most = Math.max(1, Math.min(Math.ceil(pixels / 64), shape.images * p, 256))
  const strip = isSoftware ? stripWeightGradChoice(shape, most) : null
  if (strip) return strip
  const tile = registerTile({
    rows: outputs,
    columns,
    batches: shape.groups * most,
    depth: Math.ceil(pixels / most),
    isSoftware,
    columnCost: COLUMN_COST,
  })
  const threads = Math.ceil(outputs / tile.tm) * Math.ceil(columns / tile.tn) * shape.groups
  return { tile, parts: Math.min(Math.ceil((isSoftware ? 32 : 16384) / threads), most) }
}

/** The kernel call of the gradient of the weights, which writes `[parts, outputs, kh, kw, c]`. */
export function convWeightGradCall(shape: ConvShape, { tile, parts, isStrip }: WeightGradChoice): TiledCall {
  const sides = sizesOf(shape)
  const { O: outputs, C: channels, KH, KW } = sides
  if (isStrip) {
    const { SH: _sh, SW: _sw, DW: _dw, ...near } = sides
    return call(convStripWeightGrad, { ...near, S: parts }, tile, [outputs, KH * channels, shape.groups * parts])
  }
  const flags = {
    VEC4_X: channels % 4 === 0 && tile.tn % 4 === 0,
    VEC4_DY: outputs % 4 === 0 && tile.tm % 4 === 0,
  }
  const params = { ...sides, ...flags, S: parts }
  return call(convWeightGrad, params, tile, [outputs, KH * KW * channels, shape.groups * parts])
}
