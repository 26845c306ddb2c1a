import inputText from '../../shaders/conv/winograd_input.wgsl?raw'
import outputText from '../../shaders/conv/winograd_output.wgsl?raw'
import weightsText from '../../shaders/conv/winograd_weights.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { DeviceTraits } from '../graph/op.ts'
import { gridOf } from '../shape.ts'
import { type ConvShape, convSizes } from './conv-kernels.ts'
import { sharedTiles } from './conv-shared.ts'
import { type MatmulTile, matmulCall, registerTile, type TiledCall, tileName } from './matmul-kernels.ts'

const lines = { THREADS: 'int', ROW: 'int', EPILOGUE_DECLS: 'code' } as const

/** Weights as F(2 x 2, 3 x 3) multiplies them. */
export const winogradWeights: Kernel = defineKernel(
  'conv/winograd_weights.wgsl',
  weightsText,
  { ...lines, O: 'int', C: 'int', IS_GRAD: 'flag' },
  ['w: W_TYPE'],
)

/** Images as F(2 x 2, 3 x 3) multiplies them. */
export const winogradInput: Kernel = defineKernel(
  'conv/winograd_input.wgsl',
  inputText,
  { ...lines, N: 'int', H: 'int', W: 'int', C: 'int', TH: 'int', TW: 'int', PH: 'int', PW: 'int' },
  ['x: X_TYPE'],
)

/** Pixels from the products of F(2 x 2, 3 x 3). */
export const winogradOutput: Kernel = defineKernel(
  'conv/winograd_output.wgsl',
  outputText,
  { ...lines, N: 'int', P: 'int', Q: 'int', O: 'int', TH: 'int', TW: 'int' },
  ['m'],
)

/**
 * Convolution, or the gradient of the images, by F(2 x 2, 3 x 3) (Winograd 1980; Lavin and Gray 2016): 16 products take the place
 * of 36. Each row writes what the last one, or `product`, reads.
 */
export interface WinogradCalls {
  readonly name: string
  readonly weights: TiledCall
  readonly input: TiledCall
  readonly product: TiledCall
  readonly output: TiledCall
  /** Elements of what the first three write. */
  readonly sizes: { readonly weights: number; readonly input: number; readonly product: number }
}

const THREADS = 64

// Fewer channels leave the products too thin to pay for carrying the images over and back.
const FEWEST = 32

function call(kernel: Kernel, threads: number, params: Readonly<Record<string, number | boolean>>): TiledCall {
  const grid = gridOf(Math.ceil(threads / THREADS))
  return { kernel, params: { ...params, THREADS, ROW: grid[0] * THREADS }, grid }
}

/** Sizes as seen from what is convolved: the images, or their gradient's. Null where the method does not apply. */
function sidesOf(shape: ConvShape, isGrad: boolean): Readonly<Record<string, number>> | null {
  const { N, H, W, C, O, P, Q, G, KH, KW, SH, SW, PH, PW, DH, DW } = convSizes(shape)
  const isPlain = KH === 3 && KW === 3 && SH * SW * DH * DW * G === 1 && C % 4 === 0 && O % 4 === 0
  if (!isPlain || PH > 2 || PW > 2) return null
  return isGrad ? { N, H: P, W: Q, C: O, O: C, P: H, Q: W, PH: 2 - PH, PW: 2 - PW } : { N, H, W, C, O, P, Q, PH, PW }
}

/** The rows of kernels with a tile for the product; null where the method does not apply. */
export function winogradCalls(shape: ConvShape, isGrad: boolean, tile: MatmulTile): WinogradCalls | null {
  const sides = sidesOf(shape, isGrad)
  if (sides === null) return null
  const { N = 0, H = 0, W = 0, C = 0, O = 0, P = 0, Q = 0, PH = 0, PW = 0 } = sides
  const [TH, TW] = [Math.ceil(P / 2), Math.ceil(Q / 2)]
  const patches = N * TH * TW
  // As stored: the gradient's outputs are the channels of the weights.
  const [stored, inner] = isGrad ? [C, O] : [O, C]
  const product = matmulCall(
    {
      ...{ batches: 16, m: patches, n: O, k: C, transA: false, transB: !isGrad },
      ...{ aOffset: `(batch * ${patches * C}u)`, bOffset: `(batch * ${O * C}u)` },
    },
    tile,
  )
  return {
    name: `winograd-${tileName(tile)}`,
    weights: call(winogradWeights, O * C, { O: stored, C: inner, IS_GRAD: isGrad }),
    input: call(winogradInput, (patches * C) / 4, { N, H, W, C, TH, TW, PH, PW }),
    product,
    output: call(winogradOutput, (patches * O) / 4, { N, P, Q, O, TH, TW }),
    sizes: { weights: 16 * O * C, input: 16 * patches * C, product: 16 * patches * O },
  }
}

/**
 * Whether the method is the one to take where nothing was measured: on software, whose multiply-adds are dear, where patches outnumber
 * channels, so that carrying images and weights over and back is little of the work.
 */
export function winogradPays(shape: ConvShape, isGrad: boolean, device: DeviceTraits): boolean {
  const { N = 0, C = 0, O = 0, P = 0, Q = 0 } = sidesOf(shape, isGrad) ?? {}
  const patches = N * Math.ceil(P / 2) * Math.ceil(Q / 2)
  return device.software && Math.min(C, O) >= 64 && patches >= Math.max(C, O)
}

/** The ways by Winograd's method that pay on some device: at least 32 channels and outputs, and products that fit one binding. */
export function winogradVariants(shape: ConvShape, isGrad: boolean, device: DeviceTraits): WinogradCalls[] {
  const sides = sidesOf(shape, isGrad)
  if (sides === null) return []
  const { N = 0, C = 0, O = 0, P = 0, Q = 0 } = sides
  const patches = N * Math.ceil(P / 2) * Math.ceil(Q / 2)
  if (Math.min(C, O) < FEWEST || P < 2 || Q < 2) return []
  if (16 * 4 * Math.max(patches * C, patches * O, O * C) > device.maxBindingBytes) return []
  const question = { rows: patches, columns: O, depth: C, batches: 16 }
  const shared = sharedTiles(question, device).slice(0, 1)
  const tiles: MatmulTile[] = [registerTile({ ...question, isSoftware: device.software }), ...shared]
  return tiles.flatMap((tile) => winogradCalls(shape, isGrad, tile) ?? [])
}
