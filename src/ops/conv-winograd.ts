import operandsText from '../../shaders/conv/winograd_operands.wgsl?raw'
import outputText from '../../shaders/conv/winograd_output.wgsl?raw'
import weightGradText from '../../shaders/conv/winograd_weight_grad.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { DeviceTraits, KernelCall, Operand, Variant } from '../graph/op.ts'
import { gridOf } from '../shape.ts'
import { type ConvShape, convSizes } from './conv-kernels.ts'
import { type MatmulShape, type MatmulTile, matmulCall, type TiledCall, tileName } from './matmul-kernels.ts'
import { matmulTiles } from './matmul-variants.ts'
import { alsoReading, alsoWriting, intoParts } from './parts.ts'

const lines = { TILE: 'int', THREADS: 'int', ROW: 'int', EPILOGUE_DECLS: 'code' } as const
const outputs = { ...lines, N: 'int', P: 'int', Q: 'int', O: 'int', TH: 'int', TW: 'int' } as const

/** Images, and weights or the gradient of the outputs, as Winograd's method multiplies them. */
export const winogradOperands: Kernel = defineKernel(
  'conv/winograd_operands.wgsl',
  operandsText,
  {
    ...{ ...outputs, H: 'int', W: 'int', C: 'int', PH: 'int', PW: 'int' },
    ...{ OF_GRADS: 'flag', IS_GRAD: 'flag', VEC4: 'flag' },
  },
  ['x: X_TYPE', 'r: R_TYPE'],
)

/** Pixels from the products of Winograd's method. */
export const winogradOutput: Kernel = defineKernel('conv/winograd_output.wgsl', outputText, outputs, ['m'])

/** The gradient of the weights from the products of Winograd's method. */
export const winogradWeightGrad: Kernel = defineKernel(
  'conv/winograd_weight_grad.wgsl',
  weightGradText,
  { ...lines, O: 'int', C: 'int', PATCHES: 'int', FIRST: 'int', SUMS: 'flag' },
  ['m'],
)

/** What is computed: the convolution, or its gradient by the images or by the weights. */
export type ConvPass = 'forward' | 'input' | 'weight'

/** A kernel that writes elements for the next one. */
interface Stage {
  readonly call: TiledCall
  readonly elements: number
}

/**
 * Convolution, or a gradient, by F(2 x 2, 3 x 3) or F(4 x 4, 3 x 3) (Winograd 1980; Lavin and Gray 2016): 16 products take the place of 36,
 * or 36 of 144. `operands` reads the op's inputs, `product` both its operands from what `operands` writes, `result` what `product` writes.
 */
export interface WinogradCalls {
  readonly name: string
  readonly operands: Stage
  readonly product: Stage
  readonly result: TiledCall
}

/** Pixels of a patch along each axis. */
export type WinogradSize = 2 | 4

const SIZES: readonly WinogradSize[] = [2, 4]

const THREADS = 64

// Fewer channels leave the products too thin to pay for carrying the images over and back.
const FEWEST = 32

function call(kernel: Kernel, threads: number, params: Readonly<Record<string, number | boolean>>): TiledCall {
  const grid = gridOf(Math.ceil(threads / THREADS))
  return { kernel, params: { ...params, THREADS, ROW: grid[0] * THREADS }, grid }
}

type Sides = Readonly<Record<'N' | 'H' | 'W' | 'C' | 'O' | 'P' | 'Q' | 'PH' | 'PW', number>>

/** Sizes as seen from what is convolved: the images, or the gradient of the outputs. Null where the method does not apply. */
function sidesOf(shape: ConvShape, pass: ConvPass): Sides | null {
  const { N, H, W, C, O, P, Q, G, KH, KW, SH, SW, PH, PW, DH, DW } = convSizes(shape)
  const isPlain = KH === 3 && KW === 3 && SH * SW * DH * DW * G === 1 && C % 4 === 0 && O % 4 === 0
  if (!isPlain || PH > 2 || PW > 2) return null
  const turned = { N, H: P, W: Q, C: O, O: C, P: H, Q: W, PH: 2 - PH, PW: 2 - PW }
  return pass === 'input' ? turned : { N, H, W, C, O, P, Q, PH, PW }
}

function patchesOf({ N, P, Q }: Sides, size: WinogradSize): number {
  return N * Math.ceil(P / size) * Math.ceil(Q / size)
}

/** The product: of patches and weights, or of the patches of both sides. The images come first in the buffer that holds the operands. */
function productOf(sides: Sides, pass: ConvPass, size: WinogradSize): MatmulShape & { readonly aSize: number } {
  const { C, O } = sides
  const count = patchesOf(sides, size)
  const batches = (size + 2) ** 2
  const images = { each: count * C, from: 0 }
  const other = { each: pass === 'weight' ? count * O : C * O, from: batches * count * C }
  const [a, b] = pass === 'weight' ? [other, images] : [images, other]
  const [m, n, k] = pass === 'weight' ? [O, C, count] : [count, O, C]
  const held = batches * (images.each + other.each)
  return {
    ...{ batches, m, n, k, transA: pass === 'weight', transB: pass === 'forward', aSize: held, bSize: held },
    ...{ aOffset: `(${a.from}u + batch * ${a.each}u)`, bOffset: `(${b.from}u + batch * ${b.each}u)` },
  }
}

/** The rows of kernels with patches of `size` pixels and a tile for the product; null where the method does not apply. */
export function winogradCalls(
  shape: ConvShape,
  pass: ConvPass,
  size: WinogradSize,
  tile: MatmulTile,
): WinogradCalls | null {
  const sides = sidesOf(shape, pass)
  if (sides === null) return null
  const { N, C, O, P, Q } = sides
  const rows = { TILE: size, N, P, Q, O, TH: Math.ceil(P / size), TW: Math.ceil(Q / size) }
  const count = patchesOf(sides, size)
  // Four channels at a time take more registers than patches of 4 x 4 pixels leave.
  const wide = size === 2 ? 4 : 1
  const product = productOf(sides, pass, size)
  const others = pass === 'weight' ? (count * O) / wide : O * C
  const flags = { OF_GRADS: pass === 'weight', IS_GRAD: pass === 'input', VEC4: wide > 1 }
  const operands = call(winogradOperands, (count * C) / wide + others, { ...rows, ...sides, ...flags })
  const sums = { PATCHES: count, FIRST: product.batches * count * C, SUMS: false }
  return {
    name: `winograd${size}-${tileName(tile)}`,
    operands: { call: operands, elements: product.aSize },
    product: { call: matmulCall(product, tile), elements: product.batches * product.m * product.n },
    result:
      pass === 'weight'
        ? call(winogradWeightGrad, O * C, { TILE: size, O, C, ...sums })
        : call(winogradOutput, count * O, rows),
  }
}

// On software, in multiply-adds of the product: an element of the patches carried over or back; an output and channel of the weights, for
// all points; a multiply-add of the kernels that visit every tap.
const CARRY = 16
const WEIGHT = 500
const DIRECT = 0.7

// Below this many multiply-adds a software driver compiles three kernels for longer than they save.
const LEAST_WORK = 2 ** 22

/** Estimated time on software by patches of `size` pixels, in multiply-adds. */
function estimate(sides: Sides, size: WinogradSize): number {
  const { C, O } = sides
  const count = patchesOf(sides, size)
  return (size + 2) ** 2 * (count * C * O + CARRY * count * (C + O)) + WEIGHT * C * O
}

/** The size of patches to take where nothing was measured: on software, whose multiply-adds are dear, where one pays. */
export function winogradSize(shape: ConvShape, pass: ConvPass, device: DeviceTraits): WinogradSize | null {
  const sides = sidesOf(shape, pass)
  if (sides === null || !device.software || Math.min(sides.C, sides.O) < FEWEST) return null
  const { N, C, O, P, Q } = sides
  const work = 9 * N * P * Q * C * O
  if (work < LEAST_WORK) return null
  const [best] = SIZES.filter((size) => estimate(sides, size) < DIRECT * work).sort(
    (a, b) => estimate(sides, a) - estimate(sides, b),
  )
  return best ?? null
}

/** The ways by Winograd's method that pay on some device: at least 32 channels and outputs, and products that fit one binding. */
export function winogradWays(shape: ConvShape, pass: ConvPass, device: DeviceTraits): WinogradCalls[] {
  const sides = sidesOf(shape, pass)
  if (sides === null || Math.min(sides.C, sides.O) < FEWEST) return []
  const { C, O, P, Q } = sides
  return SIZES.flatMap((size) => {
    const count = patchesOf(sides, size)
    const largest = 4 * (size + 2) ** 2 * Math.max(count * (C + O), (count + O) * C)
    if (P < size || Q < size || largest > device.maxBindingBytes) return []
    const tiles = matmulTiles(productOf(sides, pass, size), device).filter(({ splits = 1 }) => splits === 1)
    const [first] = tiles
    const other = tiles.find((tile) => (tile.bk === undefined) !== (first?.bk === undefined))
    return [first, other].flatMap((tile) => (tile && winogradCalls(shape, pass, size, tile)) ?? [])
  })
}

/**
 * The direct ways and those by Winograd's method, the default first. `flops` are those of the convolution. With `sums` the gradient of
 * the weights also writes output 1, the sums of the outputs' gradient.
 */
export function withWinograd(
  direct: readonly Variant[],
  shape: ConvShape,
  pass: ConvPass,
  device: DeviceTraits,
  { flops, sums = false }: { readonly flops: number; readonly sums?: boolean | undefined },
): Variant[] {
  const size = winogradSize(shape, pass, device)
  const ways = winogradWays(shape, pass, device).map((way) => ({
    name: way.name,
    calls: () => callsOf(way, flops, sums),
  }))
  const isFirst = ({ name }: Variant): boolean => size !== null && name.startsWith(`winograd${size}-`)
  return [...ways.filter(isFirst), ...direct, ...ways.filter((way) => !isFirst(way))]
}

function callsOf({ operands, product, result }: WinogradCalls, flops: number, sums: boolean): KernelCall[] {
  const size = result.params.TILE as WinogradSize
  const held: Operand = { temp: 'operands', bytes: 4 * operands.elements }
  const products: Operand = { temp: 'products', bytes: 4 * product.elements }
  const last: Pick<KernelCall, 'kernel' | 'params' | 'bindings'> = sums
    ? {
        kernel: alsoWriting(alsoReading(result.kernel, 'v'), 'sums'),
        params: { ...result.params, SUMS: true },
        bindings: { m: products, v: held, sums: { output: 1 } },
      }
    : { ...result, bindings: { m: products } }
  return [
    {
      ...intoParts(operands.call),
      bindings: { x: { input: 0 }, r: { input: 1 }, parts: held },
      flops: 2 * operands.elements,
      bytes: 8 * operands.elements,
    },
    {
      ...intoParts(product.call),
      bindings: { a: held, b: held, parts: products },
      flops: (flops * (size + 2) ** 2) / (9 * size ** 2),
      bytes: 4 * (operands.elements + product.elements),
    },
    { ...last, grid: result.grid, epilogue: true, flops: 2 * product.elements, bytes: 5 * product.elements },
  ]
}
