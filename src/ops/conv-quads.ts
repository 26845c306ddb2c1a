import quadStripText from '../../shaders/conv/quad_strip.wgsl?raw'
import quadStripWeightGradText from '../../shaders/conv/quad_strip_weight_grad.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { DeviceTraits } from '../graph/op.ts'
import {
  type ConvShape,
  convSizes,
  isNear,
  lineSizes,
  STRIP_TEXT,
  stripIncludes,
  stripSides,
  tapIncludes,
} from './conv-kernels.ts'
import { type MatmulTile, quadIncludes, type TiledCall } from './matmul-kernels.ts'

/** Convolution at stride 1, or the gradient of its images, by strips of a row; four neighbouring threads swap weights. */
export const convQuadStrip: Kernel = defineKernel(
  'conv/quad_strip.wgsl',
  quadStripText,
  { ...lineSizes, IS_GRAD: 'flag' },
  ['x: X_TYPE', 'w: W_TYPE'],
  { ...quadIncludes, ...stripIncludes },
)

/** Its gradient with respect to the weights, in parts that are yet to be summed; four neighbouring threads swap gradients. */
export const convQuadStripWeightGrad: Kernel = defineKernel(
  'conv/quad_strip_weight_grad.wgsl',
  quadStripWeightGradText,
  { ...lineSizes, S: 'int', U: 'int', SUMS: 'flag' },
  ['x: X_TYPE', 'dy: DY_TYPE'],
  { ...quadIncludes, ...tapIncludes },
)

// On software, in multiply-adds: a load, and one whose value four threads swap.
const LOAD = 12
const SWAPPED = 15

// Pixels at a time and multiply-adds of the text of the gradient by the weights, beyond which registers spill.
const MOST_PIXELS = 4
const WEIGHT_TEXT = 100

const THREADS = 16
const MOST_ROWS = 65535

/** Whether threads swap in fours here: software alone, whose loads are dear, takes such kernels for convolutions. */
function swaps(shape: ConvShape, device: DeviceTraits): boolean {
  return device.software && device.quads && shape.images > 0
}

/** The tile of least estimated time for strips of a row, `tm` pixels by `tn` outputs; null where the kernel does not apply. */
export function quadStripTile(shape: ConvShape, isGrad: boolean, device: DeviceTraits): MatmulTile | null {
  const sides = stripSides(shape, isGrad)
  if (sides === null || !swaps(shape, device)) return null
  const { P, Q, O } = sides
  const kernelWidth = shape.kernel[1]
  let best: MatmulTile | null = null
  let bestCost = Number.POSITIVE_INFINITY
  for (let tm = 1; tm <= Math.min(Q, 16); tm++) {
    for (const tn of [16, 8, 4]) {
      const text = tm * tn * kernelWidth
      if (Q % tm !== 0 || text > STRIP_TEXT) continue
      const each = text + LOAD * (tm + kernelWidth - 1) + (SWAPPED * kernelWidth * tn) / 4
      const strips = (shape.images * P * Q) / tm
      const wx = Math.min(THREADS, 4 * Math.ceil(strips / 4))
      const rows = Math.ceil(strips / wx)
      // Idle threads of a workgroup cost as much as busy ones.
      const cost = each * Math.ceil(O / tn) * rows * wx
      if (cost < bestCost && rows <= MOST_ROWS) {
        best = { tm, tn, wx, wy: 1, quads: true }
        bestCost = cost
      }
    }
  }
  return best
}

/** The call of the strip kernel with that tile. As a gradient, `shape` is still that of the convolution. */
export function quadStripCall(shape: ConvShape, isGrad: boolean, { tm, tn, wx }: MatmulTile): TiledCall {
  const { N, G, KH, KW, DH } = convSizes(shape)
  const sides = stripSides(shape, isGrad) as NonNullable<ReturnType<typeof stripSides>>
  return {
    kernel: convQuadStrip,
    params: { N, G, KH, KW, DH, ...sides, IS_GRAD: isGrad, TM: tm, TN: tn, WX: wx },
    grid: [Math.ceil(sides.O / tn), Math.ceil((N * sides.P * sides.Q) / (wx * tm)), G],
  }
}

/** The tile for the gradient of the weights, `tm` outputs by `tn` columns of rows of taps; null where the kernel does not apply. */
export function quadWeightGradTile(shape: ConvShape, device: DeviceTraits): MatmulTile | null {
  const { O, C, KH, KW } = convSizes(shape)
  if (!isNear(shape) || !swaps(shape, device)) return null
  const tm = O >= 8 ? 8 : 4
  const tn = KH * C >= 8 && tm * 2 * KW <= WEIGHT_TEXT ? 2 : 1
  return tm * tn * KW > STRIP_TEXT ? null : { tm, tn, wx: 4, wy: 1, quads: true }
}

/** The call of the kernel with that tile, which writes `[parts, outputs, kh, kw, c]`. */
export function quadWeightGradCall(shape: ConvShape, { tm, tn, wx }: MatmulTile, parts: number): TiledCall {
  const { SH: _sh, SW: _sw, DW: _dw, ...near } = convSizes(shape)
  const { G, O, C, Q, KH, KW } = near
  const most = Math.max(1, Math.min(MOST_PIXELS, Math.floor(WEIGHT_TEXT / (tm * tn * KW))))
  const together = Array.from({ length: most }, (_, i) => most - i).find((count) => Q % count === 0) as number
  return {
    kernel: convQuadStripWeightGrad,
    params: { ...near, S: parts, U: together, SUMS: false, TM: tm, TN: tn, WX: wx },
    grid: [Math.ceil((KH * C) / (wx * tn)), Math.ceil(O / tm), G * parts],
  }
}
