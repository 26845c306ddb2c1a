import gatherText from '../../shaders/conv/gather_windows.wgsl?raw'
import scatterText from '../../shaders/conv/scatter_windows.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { ParamTypes } from '../gpu/template.ts'
import type { DeviceTraits, KernelCall, Operand, Variant } from '../graph/op.ts'
import { gridOf } from '../shape.ts'
import { type ConvShape, convSizes, stripSides } from './conv-kernels.ts'
import type { ConvPass } from './conv-winograd.ts'
import { type MatmulShape, type MatmulTile, matmulCall, type TiledCall, tileName } from './matmul-kernels.ts'
import { matmulTiles } from './matmul-variants.ts'
import { intoParts } from './parts.ts'

const types: ParamTypes = {
  ...{ N: 'int', H: 'int', W: 'int', C: 'int', P: 'int', Q: 'int' },
  ...{ KH: 'int', KW: 'int', SH: 'int', SW: 'int', PH: 'int', PW: 'int', DH: 'int', DW: 'int' },
  ...{ THREADS: 'int', ROW: 'int', EPILOGUE_DECLS: 'code' },
}

/** The windows of images as rows of a matrix. */
export const gatherWindows: Kernel = defineKernel('conv/gather_windows.wgsl', gatherText, { ...types, VEC4: 'flag' }, [
  'x: X_TYPE',
])

/** What rows of windows give back to the images. */
export const scatterWindows: Kernel = defineKernel('conv/scatter_windows.wgsl', scatterText, types, ['m'])

/**
 * Convolution, or a gradient, as one product of matrices: the windows of the images lie side by side in a buffer (im2col), KH KW times the
 * images at stride 1.
 */
export interface WindowCalls {
  readonly name: string
  /** Between the images and the windows; the gradient by the images has it last. */
  readonly windows: TiledCall
  readonly product: TiledCall
  /** Elements of the buffer that holds the windows. */
  readonly elements: number
}

const THREADS = 64

// Outputs below which laying windows out costs more than products of whole matrices save, and multiply-adds below which a software driver
// compiles the kernels for longer than they save.
const FEWEST_OUTPUTS = 16
const LEAST_WORK = 2 ** 20

function productOf(shape: ConvShape, pass: ConvPass): MatmulShape {
  const { N, C, O, P, Q, KH, KW } = convSizes(shape)
  const [pixels, columns] = [N * P * Q, KH * KW * C]
  const [m, n, k] =
    pass === 'forward' ? [pixels, O, columns] : pass === 'input' ? [pixels, columns, O] : [O, columns, pixels]
  return {
    ...{ batches: 1, m, n, k, transA: pass === 'weight', transB: pass === 'forward' },
    ...{ aOffset: '0u', bOffset: '0u', aSize: m * k, bSize: k * n },
  }
}

/** The two kernels with a tile for the product. Groups have no such product. */
export function windowCalls(shape: ConvShape, pass: ConvPass, tile: MatmulTile, sums = false): WindowCalls {
  const { O: _o, G: _g, ...sizes } = convSizes(shape)
  const { N, H, W, C, P, Q, KH, KW } = sizes
  const elements = N * P * Q * KH * KW * C
  const isWide = C % 4 === 0
  const threads = pass === 'input' ? N * H * W * C : elements / (isWide ? 4 : 1)
  const grid = gridOf(Math.ceil(threads / THREADS))
  const params = { ...sizes, THREADS, ROW: grid[0] * THREADS }
  const windows =
    pass === 'input'
      ? { kernel: scatterWindows, params, grid }
      : { kernel: gatherWindows, params: { ...params, VEC4: isWide }, grid }
  return {
    name: `windows-${tileName(tile)}`,
    windows,
    product: matmulCall({ ...productOf(shape, pass), sums }, tile),
    elements,
  }
}

/**
 * The variants and that by windows, the default first. On software alone, whose kernels for whole matrices load least,
 * and first where there are several taps and no strips of a row: GPUs have caches for the windows, and no bandwidth to
 * spare.
 */
export function withWindows(
  variants: readonly Variant[],
  shape: ConvShape,
  pass: ConvPass,
  device: DeviceTraits,
  { flops, sums = false }: { readonly flops: number; readonly sums?: boolean | undefined },
): Variant[] {
  const { N, C, O, P, Q, G, KH, KW } = convSizes(shape)
  const product = productOf(shape, pass)
  const largest = 4 * Math.max(N * P * Q * KH * KW * C, N * P * Q * O)
  const isLegal = G === 1 && product.m * product.n * product.k > 0 && largest <= device.maxBindingBytes
  if (!isLegal || !device.software || O < FEWEST_OUTPUTS || flops < 2 * LEAST_WORK) return [...variants]
  const tiles = matmulTiles(product, device).filter(({ splits = 1 }) => splits === 1)
  const ways = tiles.slice(0, 1).map((tile) => {
    const calls = windowCalls(shape, pass, tile, sums)
    return { name: calls.name, calls: () => callsOf(calls, pass, flops, sums) }
  })
  return stripSides(shape, false) === null && KH * KW > 1 ? [...ways, ...variants] : [...variants, ...ways]
}

function callsOf(
  { windows, product, elements }: WindowCalls,
  pass: ConvPass,
  flops: number,
  sums: boolean,
): KernelCall[] {
  const rows: Operand = { temp: 'windows', bytes: 4 * elements }
  const carried = { flops: 0, bytes: 8 * elements }
  const multiplied = { flops, bytes: 4 * elements }
  if (pass === 'input') {
    return [
      { ...intoParts(product), bindings: { a: { input: 0 }, b: { input: 1 }, parts: rows }, ...multiplied },
      { ...windows, bindings: { m: rows }, epilogue: true, ...carried },
    ]
  }
  const operands: KernelCall['bindings'] =
    pass === 'forward'
      ? { a: rows, b: { input: 1 } }
      : { a: { input: 1 }, b: rows, ...(sums ? { sums: { output: 1 } } : {}) }
  return [
    { ...intoParts(windows), bindings: { x: { input: 0 }, parts: rows }, ...carried },
    { ...product, bindings: operands, epilogue: true, ...multiplied },
  ]
}
