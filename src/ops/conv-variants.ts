import { type DeviceTraits, defaultFirst, type KernelCall, type Variant } from '../graph/op.ts'
import { numel } from '../shape.ts'
import {
  convDepthwiseCall,
  convDepthwiseInputGradCall,
  convDepthwiseStripGradCall,
  convDepthwiseWeightGradCall,
  depthwiseParts,
  isDepthwise,
} from './conv-depthwise.ts'
import {
  type ConvShape,
  convForwardCall,
  convInputGradCall,
  convOutputSize,
  convStripCall,
  convWeightGradCall,
  isNear,
  STRIP_TEXT,
  stripSides,
  type WeightGradChoice,
} from './conv-kernels.ts'
import { quadStripCall, quadStripTile, quadWeightGradCall, quadWeightGradTile } from './conv-quads.ts'
import {
  convSharedCall,
  convSharedInputGradCall,
  convSharedWeightGradCall,
  type SharedQuestion,
  sharedParts,
  sharedTiles,
} from './conv-shared.ts'
import { type MatmulTile, registerTiles, type TiledCall, type TileQuestion, tileName } from './matmul-kernels.ts'
import { withMomentsOf } from './norm-kernels.ts'

/** What a convolution reads, and its cost. */
type ConvWork = Pick<KernelCall, 'bindings' | 'flops' | 'bytes'>

/** A way to convolve, or to find the gradient of the images. */
export interface ConvVariant {
  readonly name: string
  call(): TiledCall
}

/** A way to find the gradient of the weights. */
export interface WeightGradVariant extends ConvVariant {
  /** Sums over parts of the pixels that it leaves to be added. */
  readonly parts: number
}

// Finding a pixel of a tap costs about as much as this many multiply-adds; so does checking a column's bounds.
const TAP_COST = 16
const COLUMN_COST = 6

// A load in multiply-adds.
const STRIP_LOAD = 8

// Below this many multiply-adds a software driver compiles the strip kernels for longer than they save; so it does with fewer pixels at a time.
const STRIP_WORK = 2 ** 20
const STRIP_PIXELS = 4

// Workgroups enough that the last of them leave no core idle for long.
const STRIP_GROUPS = 12

/** The tile of the strip kernel for an output of `columns` and `outputs` per group; null where none pays. */
export function stripTile(columns: number, outputs: number, kernelWidth: number): MatmulTile | null {
  let best: MatmulTile | null = null
  let bestCost = Number.POSITIVE_INFINITY
  for (let tm = STRIP_PIXELS; tm <= Math.min(columns, 16); tm++) {
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

function depthOf({ kernel, channels, groups }: ConvShape): number {
  return kernel[0] * kernel[1] * (channels / groups)
}

/** Multiply-adds. */
function workOf(shape: ConvShape): number {
  const [p, q] = convOutputSize(shape)
  return shape.images * p * q * shape.outputs * depthOf(shape)
}

function named(prefix: string, tile: MatmulTile): string {
  return tileName(tile).replace(/^tile/, prefix)
}

/** The strip kernel whose threads swap in fours, where it applies. */
function quadVariants(shape: ConvShape, isGrad: boolean, device: DeviceTraits): ConvVariant[] {
  const tile = quadStripTile(shape, isGrad, device)
  return tile ? [{ name: tileName(tile), call: () => quadStripCall(shape, isGrad, tile) }] : []
}

/** The strip kernels that apply: with the tile of least estimated time, and with smaller ones. */
function stripVariants(shape: ConvShape, isGrad: boolean): ConvVariant[] {
  const sides = stripSides(shape, isGrad)
  if (sides === null) return []
  const best = stripTile(sides.Q, sides.O, shape.kernel[1])
  const small = [3, 2, 1].filter((tm) => sides.Q % tm === 0).slice(0, 1)
  const tiles = [...(best ? [best] : []), ...small.map((tm) => ({ tm, tn: 2, wx: 2, wy: 4 }))]
  return tiles.map((tile) => ({
    name: named('strip', tile),
    call: () => convStripCall(shape, isGrad, tile) as TiledCall,
  }))
}

/** The kernels for a kernel per channel, those with the longest strips that leave no core idle first. */
function depthwiseVariants(shape: ConvShape, isGrad: boolean, isSoftware: boolean): ConvVariant[] {
  if (!isDepthwise(shape)) return []
  const pixels = shape.images * numel(isGrad ? shape.size : convOutputSize(shape))
  const threads = (pixels * shape.channels) / (shape.channels % 4 === 0 ? 4 : 1)
  const longest = isSoftware ? 8 : Math.max(1, Math.min(4, Math.floor(threads / 16384)))
  const strips = [8, 4, 2, 1].flatMap((tm): ConvVariant[] => {
    const call = isGrad ? convDepthwiseStripGradCall(shape, tm) : convDepthwiseCall(shape, tm)
    return call ? [{ name: `depthwise-${tm}`, call: () => call }] : []
  })
  const fitting = strips.filter(({ name }) => Number(name.slice('depthwise-'.length)) <= longest)
  const gather = { name: 'depthwise-gather', call: () => convDepthwiseInputGradCall(shape) }
  const first = fitting[0] ?? strips[strips.length - 1]
  const all = isGrad ? [...strips, gather] : strips
  return first ? defaultFirst(all, first.name) : all
}

/**
 * All in the order of a device: kernels for single channels come first where they apply, tiles in shared memory come first on a GPU, strips
 * on a software device, whose loads are dear, where the best of them pays; those whose threads swap before the others.
 */
function inOrder(
  shape: ConvShape,
  isGrad: boolean,
  tiled: readonly ConvVariant[],
  shared: readonly ConvVariant[],
  device: DeviceTraits,
): ConvVariant[] {
  const strips = stripVariants(shape, isGrad)
  const depthwise = depthwiseVariants(shape, isGrad, device.software)
  if (depthwise.length > 0 || !device.software) return [...depthwise, ...shared, ...tiled, ...strips]
  const quads = quadVariants(shape, isGrad, device)
  const all = [...tiled, ...quads, ...strips, ...shared]
  const sides = stripSides(shape, isGrad)
  if (workOf(shape) < STRIP_WORK || sides === null) return all
  const swapped = quadStripTile(shape, isGrad, device)
  const first =
    swapped && swapped.tm >= STRIP_PIXELS ? quads : stripTile(sides.Q, sides.O, shape.kernel[1]) ? strips : all
  return defaultFirst(all, (first[0] as ConvVariant).name)
}

function forwardQuestion(shape: ConvShape, { software }: DeviceTraits): TileQuestion {
  return {
    rows: shape.images * numel(convOutputSize(shape)),
    columns: shape.outputs / shape.groups,
    batches: shape.groups,
    depth: depthOf(shape),
    isSoftware: software,
    rowCost: (TAP_COST * shape.groups) / shape.channels,
  }
}

/**
 * The convolution's kernels that also give mean, 1 / sqrt(variance + eps) and variance of each output over all pixels,
 * as outputs 1 to 3.
 */
export function convMomentsVariants(shape: ConvShape, eps: number, device: DeviceTraits, work: ConvWork): Variant[] {
  const question = forwardQuestion(shape, device)
  return sharedTiles(question, device).map((tile) => ({
    name: tileName(tile),
    calls: () => {
      const tiles = Math.ceil(question.rows / (tile.wy * tile.tm))
      const product = { ...convSharedCall(shape, tile), ...work, epilogue: true }
      return withMomentsOf(product, { count: question.rows, columns: shape.outputs, tiles }, eps, device)
    },
  }))
}

/** The kernels for the convolution itself, the default first. */
export function convForwardVariants(shape: ConvShape, device: DeviceTraits): ConvVariant[] {
  const question = forwardQuestion(shape, device)
  const tiled = registerTiles(question).map((tile) => ({
    name: tileName(tile),
    call: () => convForwardCall(shape, tile),
  }))
  const shared = sharedTiles(question, device).map((tile) => ({
    name: tileName(tile),
    call: () => convSharedCall(shape, tile),
  }))
  return inOrder(shape, false, tiled, shared, device)
}

/** The kernels for the gradient of the images, the default first. */
export function convInputGradVariants(shape: ConvShape, device: DeviceTraits): ConvVariant[] {
  const isSoftware = device.software
  const { images, size, stride, groups, kernel, channels } = shape
  const outputs = shape.outputs / groups
  const phases = stride[0] * stride[1]
  const question: TileQuestion = {
    rows: images * Math.ceil(size[0] / stride[0]) * Math.ceil(size[1] / stride[1]),
    columns: channels / groups,
    batches: groups * phases,
    depth: Math.ceil((kernel[0] * kernel[1] * outputs) / phases),
    isSoftware,
    rowCost: TAP_COST / outputs,
  }
  const tiled = registerTiles(question).map((tile) => ({
    name: tileName(tile),
    call: () => convInputGradCall(shape, tile),
  }))
  const shared = sharedTiles(question, device).map((tile) => ({
    name: tileName(tile),
    call: () => convSharedInputGradCall(shape, tile),
  }))
  return inOrder(shape, true, tiled, shared, device)
}

/** The choice for the strip kernel; null where it does not apply. */
function stripWeightGradChoice(shape: ConvShape, most: number): WeightGradChoice | null {
  const { kernel, groups } = shape
  const room = Math.floor(STRIP_TEXT / 2 / kernel[1])
  if (!isNear(shape) || room < 8) return null
  const outputs = shape.outputs / groups
  const tm = outputs >= 8 ? 8 : outputs >= 4 ? 4 : 1
  const columns = (kernel[0] * shape.channels) / groups
  const tn = Math.max(1, Math.min(4, Math.floor(room / tm), Math.floor(columns / 4)))
  const across = Math.ceil(columns / tn)
  const down = Math.ceil(outputs / tm)
  const wx = Math.min(4, across)
  const wy = Math.min(Math.floor(16 / wx), down)
  const workgroups = Math.ceil(across / wx) * Math.ceil(down / wy) * groups
  return { tile: { tm, tn, wx, wy }, parts: Math.min(Math.ceil(STRIP_GROUPS / workgroups), most), isStrip: true }
}

/** The strip kernel for the gradient of the weights whose threads swap in fours, where it applies. */
function quadWeightGradVariants(shape: ConvShape, most: number, device: DeviceTraits): WeightGradVariant[] {
  const tile = quadWeightGradTile(shape, device)
  if (tile === null) return []
  const [across, down, groups] = quadWeightGradCall(shape, tile, 1).grid
  const parts = Math.min(Math.ceil(STRIP_GROUPS / (across * down * groups)), most)
  return [{ name: `${tileName(tile)}-parts-${parts}`, parts, call: () => quadWeightGradCall(shape, tile, parts) }]
}

/**
 * The kernels for the gradient of the weights, the default first: the tile and parts of at least 64 pixels each that give every core
 * work, 32 threads on software and 16,384 on a GPU.
 */
export function convWeightGradVariants(shape: ConvShape, device: DeviceTraits): WeightGradVariant[] {
  const isSoftware = device.software
  const [p, q] = convOutputSize(shape)
  const outputs = shape.outputs / shape.groups
  const columns = depthOf(shape)
  const pixels = shape.images * p * q
  const room = Math.floor(device.maxBindingBytes / (4 * shape.outputs * columns))
  const most = Math.max(1, Math.min(Math.ceil(pixels / 64), shape.images * p, 256, room))
  const question: TileQuestion = {
    rows: outputs,
    columns,
    batches: shape.groups * most,
    depth: Math.ceil(pixels / most),
    isSoftware,
    columnCost: COLUMN_COST,
  }
  const partsOf = (tile: MatmulTile): number => {
    const threads = Math.ceil(outputs / tile.tm) * Math.ceil(columns / tile.tn) * shape.groups
    return Math.min(Math.ceil((isSoftware ? 32 : 16384) / threads), most)
  }
  const fromRegisters = (prefix: string, choice: WeightGradChoice): WeightGradVariant => ({
    name: `${named(prefix, choice.tile)}-parts-${choice.parts}`,
    parts: choice.parts,
    call: () => convWeightGradCall(shape, choice),
  })
  const tiled = registerTiles(question).map((tile) => fromRegisters('tile', { tile, parts: partsOf(tile) }))
  const stripChoice = stripWeightGradChoice(shape, most)
  const strips = stripChoice ? [fromRegisters('strip', stripChoice)] : []
  const product: SharedQuestion = { rows: outputs, columns, depth: pixels, batches: shape.groups }
  const shared = sharedTiles(product, device).map((tile) => {
    const parts = sharedParts(product, tile, device)
    return {
      name: `${tileName(tile)}-parts-${parts}`,
      parts,
      call: () => convSharedWeightGradCall(shape, tile, parts),
    }
  })
  const depthwise = isDepthwise(shape) ? [depthwiseParts(shape, isSoftware, room), 1] : []
  const direct = [...new Set(depthwise)].map((parts) => ({
    name: `depthwise-parts-${parts}`,
    parts,
    call: () => convDepthwiseWeightGradCall(shape, parts),
  }))
  if (direct.length > 0 || !isSoftware) return [...direct, ...shared, ...tiled, ...strips]
  const quads = quadWeightGradVariants(shape, most, device)
  const near = outputs < 4 ? [...strips, ...quads] : [...quads, ...strips]
  return workOf(shape) >= STRIP_WORK ? [...near, ...tiled, ...shared] : [...tiled, ...near, ...shared]
}
