import dyQuadText from '../../shaders/conv/dy_quad.wgsl?raw'
import sharedText from '../../shaders/conv/shared.wgsl?raw'
import sharedInputGradText from '../../shaders/conv/shared_input_grad.wgsl?raw'
import sharedWeightGradText from '../../shaders/conv/shared_weight_grad.wgsl?raw'
import tileProductText from '../../shaders/conv/tile_product.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { ParamTypes } from '../gpu/template.ts'
import type { DeviceTraits } from '../graph/op.ts'
import { numel } from '../shape.ts'
import { type ConvShape, convOutputSize, convSizes, foldedRows } from './conv-kernels.ts'
import { columnMoments, type MatmulTile, type TiledCall } from './matmul-kernels.ts'

const types: ParamTypes = {
  ...{ N: 'int', H: 'int', W: 'int', C: 'int', O: 'int', P: 'int', Q: 'int', G: 'int' },
  ...{ KH: 'int', KW: 'int', SH: 'int', SW: 'int', PH: 'int', PW: 'int', DH: 'int', DW: 'int' },
  ...{ TM: 'int', TN: 'int', WX: 'int', WY: 'int', BK: 'int', EPILOGUE_DECLS: 'code' },
}

const product = { 'conv/tile_product.wgsl': tileProductText }
const gradIncludes = { ...product, 'conv/dy_quad.wgsl': dyQuadText }

/** Convolution with tiles in shared memory. */
export const convShared: Kernel = defineKernel(
  'conv/shared.wgsl',
  sharedText,
  { ...types, ROWS: 'int', VEC4: 'flag', MOMENTS: 'flag' },
  ['x: X_TYPE', 'w: W_TYPE'],
  { ...product, ...columnMoments },
)

/** Its gradient with respect to the images. */
export const convSharedInputGrad: Kernel = defineKernel(
  'conv/shared_input_grad.wgsl',
  sharedInputGradText,
  { ...types, ROWS: 'int', VEC4_DY: 'flag', VEC4_W: 'flag' },
  ['dy: DY_TYPE', 'w: W_TYPE'],
  gradIncludes,
)

/** Its gradient with respect to the weights, in parts that are yet to be summed. */
export const convSharedWeightGrad: Kernel = defineKernel(
  'conv/shared_weight_grad.wgsl',
  sharedWeightGradText,
  { ...types, BLOCKS: 'int', SUMS: 'flag', VEC4_X: 'flag', VEC4_DY: 'flag' },
  ['x: X_TYPE', 'dy: DY_TYPE'],
  gradIncludes,
)

/** A tile in shared memory. */
export interface SharedTile extends MatmulTile {
  readonly bk: number
}

// By rows and columns of a workgroup: 128 x 128, 128 x 64, 64 x 64 with many and with few threads, 64 x 32, 32 x 32.
const TILES: readonly SharedTile[] = [
  { tm: 8, tn: 8, wx: 16, wy: 16, bk: 8 },
  { tm: 8, tn: 4, wx: 16, wy: 16, bk: 16 },
  { tm: 4, tn: 4, wx: 16, wy: 16, bk: 16 },
  { tm: 8, tn: 8, wx: 8, wy: 8, bk: 16 },
  { tm: 8, tn: 4, wx: 8, wy: 8, bk: 16 },
  { tm: 4, tn: 4, wx: 8, wy: 8, bk: 16 },
]

// Workgroups of 256 threads that keep a GPU busy.
const BUSY = 64

/** Rows, columns and depth of the product that a convolution or gradient comes to. */
export interface SharedQuestion {
  readonly rows: number
  readonly columns: number
  readonly depth: number
  /** Products side by side. */
  readonly batches: number
}

function workgroups({ tm, tn, wx, wy }: SharedTile, { rows, columns, batches }: SharedQuestion): number {
  return Math.ceil(rows / (wy * tm)) * Math.ceil(columns / (wx * tn)) * batches
}

/**
 * The tiles that fit the device and the work, for a GPU the one to take first: the largest that still gives every core work and
 * wastes little at the edge. None for products so thin that tiles would be mostly empty.
 */
export function sharedTiles(question: SharedQuestion, device: DeviceTraits): SharedTile[] {
  const { rows, columns, depth } = question
  if (rows < 16 || columns < 16 || depth < 8) return []
  const fitting = TILES.filter(
    ({ tm, tn, wx, wy, bk }) =>
      wx * wy <= device.maxInvocations &&
      4 * bk * (wy * tm + wx * tn + 2) <= device.maxWorkgroupBytes &&
      wy * tm < 2 * Math.max(rows, 32) &&
      wx * tn < 2 * Math.max(columns, 32),
  )
  const isFull = (tile: SharedTile): boolean =>
    workgroups(tile, question) * tile.wx * tile.wy >= BUSY * 256 && columns * 4 >= tile.wx * tile.tn * 3
  const first = fitting.find(isFull) ?? fitting[fitting.length - 1]
  return fitting.sort((a, b) => Number(b === first) - Number(a === first))
}

/** The kernel call of the convolution. */
export function convSharedCall(shape: ConvShape, tile: SharedTile): TiledCall {
  const sizes = convSizes(shape)
  const rows = shape.images * numel(convOutputSize(shape))
  return call(convShared, { ...sizes, VEC4: sizes.C % 4 === 0, MOMENTS: false }, tile, [rows, sizes.O, shape.groups])
}

/** The kernel call of the gradient of the images. */
export function convSharedInputGradCall(shape: ConvShape, tile: SharedTile): TiledCall {
  const sizes = convSizes(shape)
  const { images, size, stride, groups } = shape
  const rows = images * Math.ceil(size[0] / stride[0]) * Math.ceil(size[1] / stride[1])
  const flags = { VEC4_DY: sizes.O % 4 === 0, VEC4_W: sizes.C % 4 === 0 }
  return call(convSharedInputGrad, { ...sizes, ...flags }, tile, [rows, sizes.C, groups * numel(stride)])
}

/** The kernel call of the gradient of the weights, which writes `[parts, outputs, kh, kw, c]`. */
export function convSharedWeightGradCall(shape: ConvShape, tile: SharedTile, parts: number): TiledCall {
  const sizes = convSizes(shape)
  const { O: outputs, C: channels, KH, KW } = sizes
  const { tm, tn, wx, wy, bk } = tile
  const pixels = shape.images * numel(convOutputSize(shape))
  const flags = { VEC4_X: channels % 4 === 0, VEC4_DY: outputs % 4 === 0, SUMS: false }
  return {
    kernel: convSharedWeightGrad,
    params: { ...sizes, ...flags, BLOCKS: Math.ceil(pixels / (bk * parts)), TM: tm, TN: tn, WX: wx, WY: wy, BK: bk },
    grid: [Math.ceil((KH * KW * channels) / (wx * tn)), Math.ceil(outputs / (wy * tm)), shape.groups * parts],
  }
}

/** Parts of at least 256 pixels each that give every core work, as far as their sums fit one binding. */
export function sharedParts(
  { rows, columns, depth, batches }: SharedQuestion,
  tile: SharedTile,
  device: DeviceTraits,
): number {
  const busy = Math.ceil((BUSY * 4 * 256) / (tile.wx * tile.wy * workgroups(tile, { rows, columns, depth, batches })))
  const most = Math.min(
    Math.floor(depth / 256),
    Math.floor(device.maxBindingBytes / (4 * rows * columns * batches)),
    256,
  )
  return Math.max(1, Math.min(busy, most))
}

function call(
  kernel: Kernel,
  params: Readonly<Record<string, number | boolean>>,
  { tm, tn, wx, wy, bk }: SharedTile,
  [rows, columns, depth]: readonly [number, number, number],
): TiledCall {
  const { rows: across, folds } = foldedRows(Math.ceil(rows / (wy * tm)))
  return {
    kernel,
    params: { ...params, TM: tm, TN: tn, WX: wx, WY: wy, BK: bk, ROWS: across },
    grid: [Math.ceil(columns / (wx * tn)), across, depth * folds],
  }
}
