import inputText from '../../shaders/conv/winograd_input.wgsl?raw'
import outputText from '../../shaders/conv/winograd_output.wgsl?raw'
import weightGradText from '../../shaders/conv/winograd_weight_grad.wgsl?raw'
import weightsText from '../../shaders/conv/winograd_weights.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { DeviceTraits, KernelCall, Operand, Variant } from '../graph/op.ts'
import { gridOf } from '../shape.ts'
import { type ConvShape, convSizes } from './conv-kernels.ts'
import { type MatmulShape, type MatmulTile, matmulCall, type TiledCall, tileName } from './matmul-kernels.ts'
import { matmulTiles } from './matmul-variants.ts'
import { alsoReading, alsoWriting, storeTo } from './parts.ts'

const lines = { TILE: 'int', THREADS: 'int', ROW: 'int', EPILOGUE_DECLS: 'code' } as const
const patches = { ...lines, N: 'int', TH: 'int', TW: 'int' } as const

/** Weights as Winograd's method multiplies them. */
export const winogradWeights: Kernel = defineKernel(
  'conv/winograd_weights.wgsl',
  weightsText,
  { ...lines, O: 'int', C: 'int', IS_GRAD: 'flag' },
  ['w: W_TYPE'],
)

/** Images, or the gradient of the outputs, as Winograd's method multiplies them. */
export const winogradInput: Kernel = defineKernel(
  'conv/winograd_input.wgsl',
  inputText,
  { ...patches, H: 'int', W: 'int', C: 'int', PH: 'int', PW: 'int', IS_GRAD: 'flag', VEC4: 'flag' },
  ['x: X_TYPE'],
)

/** Pixels from the products of Winograd's method. */
export const winogradOutput: Kernel = defineKernel(
  'conv/winograd_output.wgsl',
  outputText,
  { ...patches, P: 'int', Q: 'int', O: 'int' },
  ['m'],
)

/** The gradient of the weights from the products of Winograd's method. */
export const winogradWeightGrad: Kernel = defineKernel(
  'conv/winograd_weight_grad.wgsl',
  weightGradText,
  { ...lines, O: 'int', C: 'int', PATCHES: 'int', SUMS: 'flag' },
  ['m'],
)

/** What is computed: the convolution, or its gradient by the images or by the weights. */
export type ConvPass = 'forward' | 'input' | 'weight'

/** A kernel that writes elements of the next ones' operands. */
interface Stage {
  readonly call: TiledCall
  readonly elements: number
}

/**
 * Convolution, or a gradient, by F(2 x 2, 3 x 3) or F(4 x 4, 3 x 3) (Winograd 1980; Lavin and Gray 2016): 16 products take the place of 36,
 * or 36 of 144. `product` reads what `a` and `b` write, `result` what `product` writes. `a` is of the op's first input and `b` of its second; the
 * gradient by the weights has them the other way round.
 */
export interface WinogradCalls {
  readonly name: string
  readonly a: Stage
  readonly b: Stage
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

/** The product: of patches and weights, or of the patches of both sides. */
function productOf(sides: Sides, pass: ConvPass, size: WinogradSize): MatmulShape {
  const { C, O } = sides
  const count = patchesOf(sides, size)
  const [m, n, k] = pass === 'weight' ? [O, C, count] : [count, O, C]
  const batches = (size + 2) ** 2
  return {
    ...{ batches, m, n, k, transA: pass === 'weight', transB: pass === 'forward' },
    ...{ aOffset: `(batch * ${m * k}u)`, bOffset: `(batch * ${k * n}u)` },
    ...{ aSize: batches * m * k, bSize: batches * k * n },
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
  const { N, H, W, C, O, P, Q, PH, PW } = sides
  const each = { TILE: size }
  const all = { ...each, N, TH: Math.ceil(P / size), TW: Math.ceil(Q / size) }
  const count = patchesOf(sides, size)
  const points = (size + 2) ** 2
  // Four channels at a time take more registers than patches of 4 x 4 pixels leave.
  const wide = size === 2 ? 4 : 1
  const carried = (channels: number, params: Readonly<Record<string, number | boolean>>): Stage => ({
    call: call(winogradInput, (count * channels) / wide, { ...all, ...params, C: channels, VEC4: wide > 1 }),
    elements: points * count * channels,
  })
  const shapeOfProduct = productOf(sides, pass, size)
  const { m, n } = shapeOfProduct
  const product = { call: matmulCall(shapeOfProduct, tile), elements: points * m * n }
  const name = `winograd${size}-${tileName(tile)}`
  const images = carried(C, { H, W, PH, PW, IS_GRAD: false })
  if (pass === 'weight') {
    const grads = carried(O, { H: P, W: Q, PH: 0, PW: 0, IS_GRAD: true })
    return {
      name,
      a: grads,
      b: images,
      product,
      result: call(winogradWeightGrad, O * C, { ...each, O, C, PATCHES: count, SUMS: false }),
    }
  }
  // As stored: the outputs of a gradient are the channels of the weights.
  const [stored, inner] = pass === 'input' ? [C, O] : [O, C]
  const weights = {
    call: call(winogradWeights, O * C, { ...each, O: stored, C: inner, IS_GRAD: pass === 'input' }),
    elements: points * O * C,
  }
  return { name, a: images, b: weights, product, result: call(winogradOutput, count * O, { ...all, P, Q, O }) }
}

// On software: an element carried over, back, or of the weights, in multiply-adds of the product; the same for a multiply-add of the kernels
// that visit every tap.
const CARRY = 6
const DIRECT = 0.6

/** Estimated time on software by patches of `size` pixels, in multiply-adds. */
function estimate(sides: Sides, size: WinogradSize): number {
  const { C, O } = sides
  const count = patchesOf(sides, size)
  return (size + 2) ** 2 * (count * C * O + CARRY * (count * C + count * O + C * O))
}

/** The size of patches to take where nothing was measured: on software, whose multiply-adds are dear, where one pays. */
export function winogradSize(shape: ConvShape, pass: ConvPass, device: DeviceTraits): WinogradSize | null {
  const sides = sidesOf(shape, pass)
  if (sides === null || !device.software || Math.min(sides.C, sides.O) < FEWEST) return null
  const { N, C, O, P, Q } = sides
  const direct = DIRECT * 9 * N * P * Q * C * O
  const [best] = SIZES.filter((size) => estimate(sides, size) < direct).sort(
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
    const largest = 4 * (size + 2) ** 2 * Math.max(count * C, count * O, C * O)
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
    calls: () => callsOf(way, pass, flops, sums),
  }))
  const isFirst = ({ name }: Variant): boolean => size !== null && name.startsWith(`winograd${size}-`)
  return [...ways.filter(isFirst), ...direct, ...ways.filter((way) => !isFirst(way))]
}

function callsOf({ a, b, product, result }: WinogradCalls, pass: ConvPass, flops: number, sums: boolean): KernelCall[] {
  const temp = (name: string, { elements }: Stage): Operand => ({ temp: name, bytes: 4 * elements })
  const into = (name: string, stage: Stage, operands: readonly Operand[]): KernelCall => {
    const { call, elements } = stage
    const { bindings } = call.kernel
    const read = Object.fromEntries(bindings.map((binding, i) => [binding.name, operands[i] as Operand]))
    return {
      ...call,
      kernel: alsoWriting(call.kernel, 'parts'),
      params: { ...call.params, EPILOGUE_DECLS: storeTo('parts', bindings.length) },
      bindings: { ...read, parts: temp(name, stage) },
      flops: 2 * elements,
      bytes: 8 * elements,
    }
  }
  const [first, second] = pass === 'weight' ? [1, 0] : [0, 1]
  const size = result.params.TILE as WinogradSize
  const last: Pick<KernelCall, 'kernel' | 'params' | 'bindings'> = sums
    ? {
        kernel: alsoWriting(alsoReading(result.kernel, 'd'), 'sums'),
        params: { ...result.params, SUMS: true },
        bindings: { m: temp('product', product), d: temp('a', a), sums: { output: 1 } },
      }
    : { ...result, bindings: { m: temp('product', product) } }
  return [
    into('a', a, [{ input: first }]),
    into('b', b, [{ input: second }]),
    {
      ...into('product', product, [temp('a', a), temp('b', b)]),
      flops: (flops * (size + 2) ** 2) / (9 * size ** 2),
      bytes: 4 * (a.elements + b.elements + product.elements),
    },
    {
      ...last,
      grid: result.grid,
      epilogue: true,
      flops: 2 * product.elements,
      bytes: 5 * product.elements,
    },
  ]
}
