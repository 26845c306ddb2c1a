import forwardRowsText from '../../shaders/attention/forward_rows.wgsl?raw'
import forwardSingleText from '../../shaders/attention/forward_single.wgsl?raw'
import forwardTileText from '../../shaders/attention/forward_tile.wgsl?raw'
import gradRowsText from '../../shaders/attention/grad_rows.wgsl?raw'
import gradTileText from '../../shaders/attention/grad_tile.wgsl?raw'
import joinPartsText from '../../shaders/attention/join_parts.wgsl?raw'
import operandsText from '../../shaders/attention/operands.wgsl?raw'
import dotsText from '../../shaders/attention/row_dots.wgsl?raw'
import scoresText from '../../shaders/attention/scores.wgsl?raw'
import philoxText from '../../shaders/lib/philox.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { DeviceTraits } from '../graph/op.ts'

/** In which tensors q, k and v lie: one each; q, and k with v; all in one. */
export type AttentionForm = 'apart' | 'pair' | 'joint'

/** Sizes of attention. */
export interface AttentionShape {
  readonly form: AttentionForm
  readonly batch: number
  readonly queries: number
  readonly keys: number
  readonly heads: number
  /** Heads of k and v; each serves `heads / kvHeads` of q. */
  readonly kvHeads: number
  /** Elements of a head. */
  readonly depth: number
  readonly scale: number
  readonly causal: boolean
}

/** Which side the rows of a grid are on. */
export type Side = 'queries' | 'keys'

/** How attention is cut: rows of a thread, rows of the other side at a time, and the threads of a workgroup. */
export interface AttentionTile {
  readonly tm: number
  readonly tn: number
  readonly wx: number
  readonly wy: number
  /** Elements of a head in shared memory at a time; without it there is none. */
  readonly dc?: number
  /** A workgroup owns one query, and its threads the keys, or those in one of so many parts. */
  readonly splits?: number
}

const sizes = {
  HEADS: 'int',
  GROUP: 'int',
  QUERIES: 'int',
  KEYS: 'int',
  DEPTH: 'int',
  Q_OFFSET: 'int',
  Q_ROW: 'int',
  K_OFFSET: 'int',
  K_ROW: 'int',
  V_OFFSET: 'int',
  V_ROW: 'int',
  SCALE: 'f32',
  IS_CAUSAL: 'flag',
  HAS_BIAS: 'flag',
  LOAD_BIAS: 'code',
  BIAS_INDEX: 'code',
  HAS_LENGTHS: 'flag',
  LOAD_LENGTHS: 'code',
  HAS_DROPS: 'flag',
  LOAD_DROPS: 'code',
} as const
const rows = { IS_QUADS: 'flag', IS_UNROLLED: 'flag', COPIES: 'int', TM: 'int', TN: 'int', THREADS: 'int' } as const
const single = { THREADS: 'int', SPLITS: 'int', BLOCKS: 'int' } as const
const shared = { TM: 'int', TN: 'int', WX: 'int', WY: 'int', DC: 'int' } as const

const includes = {
  'attention/scores.wgsl': scoresText,
  'attention/operands.wgsl': operandsText,
  'lib/philox.wgsl': philoxText,
}

/** What the gradient needs of each query. */
export const rowDots: Kernel = defineKernel(
  'attention/row_dots.wgsl',
  dotsText,
  { HEADS: 'int', QUERIES: 'int', DEPTH: 'int', COUNT: 'int', THREADS: 'int', ROW: 'int', IS_QUADS: 'flag' },
  ['o', 'g', 'lse', 'stats: read_write'],
)

const forwardRows: Kernel = defineKernel(
  'attention/forward_rows.wgsl',
  forwardRowsText,
  { ...sizes, ...rows },
  ['q', 'k', 'v', 'o: read_write', 'lse: read_write'],
  includes,
)

const forwardTile: Kernel = defineKernel(
  'attention/forward_tile.wgsl',
  forwardTileText,
  { ...sizes, ...shared },
  ['q', 'k', 'v', 'o: read_write', 'lse: read_write'],
  includes,
)

const forwardSingle: Kernel = defineKernel(
  'attention/forward_single.wgsl',
  forwardSingleText,
  { ...sizes, ...single },
  ['q', 'k', 'v', 'o: read_write', 'lse: read_write'],
  includes,
)

const forwardParts: Kernel = defineKernel(
  'attention/forward_single.wgsl',
  forwardSingleText,
  { ...sizes, ...single },
  ['q', 'k', 'v', 'parts: read_write'],
  includes,
)

/** Brings the parts of the keys together. */
export const joinParts: Kernel = defineKernel(
  'attention/join_parts.wgsl',
  joinPartsText,
  { HEADS: 'int', QUERIES: 'int', DEPTH: 'int', SPLITS: 'int', COUNT: 'int', THREADS: 'int', ROW: 'int' },
  ['parts', 'o: read_write', 'lse: read_write'],
)

const sides = { OF_KEYS: 'flag', IS_JOINED: 'flag' } as const

function gradBindings(outputs: readonly string[]): string[] {
  return ['q', 'k', 'v', 'g', 'stats', ...outputs.map((name) => `${name}: read_write`)]
}

/* @__NO_SIDE_EFFECTS__ */
function gradRowsOf(...outputs: readonly string[]): Kernel {
  const params = { ...sizes, ...rows, ...sides }
  return defineKernel('attention/grad_rows.wgsl', gradRowsText, params, gradBindings(outputs), includes)
}

/* @__NO_SIDE_EFFECTS__ */
function gradTileOf(...outputs: readonly string[]): Kernel {
  const params = { ...sizes, ...shared, ...sides, PARTS: 'int' } as const
  return defineKernel('attention/grad_tile.wgsl', gradTileText, params, gradBindings(outputs), includes)
}

const gradRows = { queries: gradRowsOf('dq'), apart: gradRowsOf('dk', 'dv'), joined: gradRowsOf('dkv') }
const gradTiles = { queries: gradTileOf('dq'), apart: gradTileOf('dk', 'dv'), joined: gradTileOf('dkv') }

/** The forward kernel of a tile. */
export function forwardKernel({ dc, splits }: AttentionTile): Kernel {
  if (splits !== undefined) return splits > 1 ? forwardParts : forwardSingle
  return dc === undefined ? forwardRows : forwardTile
}

/** The gradient kernel of a tile for one side. */
export function gradKernel({ dc }: AttentionTile, side: Side, form: AttentionForm): Kernel {
  const kernels = dc === undefined ? gradRows : gradTiles
  return side === 'queries' ? kernels.queries : form === 'apart' ? kernels.apart : kernels.joined
}

/**
 * `single-64-split8` by threads and parts of the keys; `rows-4x4x16` by rows of a thread, rows of the other side and
 * threads; `tile-32x32x16-4x4` by those of a workgroup and of a thread.
 */
export function attentionTileName({ tm, tn, wx, wy, dc, splits }: AttentionTile): string {
  if (splits !== undefined) return `single-${wx}${splits > 1 ? `-split${splits}` : ''}`
  return dc === undefined ? `rows-${tm}x${tn}x${wy}` : `tile-${wy * tm}x${wx * tn}x${dc}-${tm}x${tn}`
}

// Rows of a thread, and of the other side at a time. A thread holds its rows and what it adds up for them in registers.
const ROWS: readonly AttentionTile[] = [
  [4, 1],
  [2, 1],
  [2, 2],
  [1, 1],
].map(([tm = 1, tn = 1]) => ({ tm, tn, wx: 1, wy: 16 }))

/** Vectors of four that threads hold at most: with more, a software driver takes seconds to compile. */
const heldVectors = 64

/** Vectors of four in a head up to which loops over it are written out, so that what a thread holds lies in registers. */
const longestUnrolled = 16

// A thread holds `tm` rows of a head in registers, an eighth of each; the longer the head the fewer the rows.
const TILES: readonly AttentionTile[] = [
  { tm: 4, tn: 4, wx: 8, wy: 8, dc: 16 },
  { tm: 4, tn: 4, wx: 8, wy: 16, dc: 16 },
  { tm: 2, tn: 4, wx: 8, wy: 16, dc: 16 },
  { tm: 2, tn: 4, wx: 8, wy: 8, dc: 16 },
  { tm: 1, tn: 4, wx: 8, wy: 32, dc: 16 },
]

// For so few queries that tiles of them would leave a GPU idle.
const fewQueries = 8
const SINGLE = { tm: 1, tn: 1, wx: 64, wy: 1 } as const

// Keys of a part at least, workgroups that fill a GPU, and parts at most.
const shortestPart = 256
const fullGrid = 512
const mostParts = 64

/** Tiles for few queries, the default first: so many parts of the keys that a GPU is full. */
function singleTiles({ batch, queries, keys, heads }: AttentionShape): AttentionTile[] {
  if (queries > fewQueries || keys < SINGLE.wx) return []
  const wanted = Math.ceil(fullGrid / Math.max(1, batch * queries * heads))
  const best = Math.max(1, Math.min(wanted, Math.floor(keys / shortestPart), mostParts))
  return [...new Set([best, 1])].map((splits) => ({ ...SINGLE, splits }))
}

/** Bytes of shared memory; the gradient of keys takes the most. */
function sharedBytes({ tm, tn, wx, wy, dc = 0 }: AttentionTile, isGrad: boolean): number {
  const [own, other] = [wy * tm, wx * tn]
  const right = Math.max(dc * (other + 1), other * (dc + 1))
  const products = other * (own + 1)
  return 4 * (dc * (own + 1) + right + (isGrad ? 2 * products : products + wx * own))
}

/** The tiles that attention may take on a device, the default first: registers alone on software, shared memory on GPUs. */
export function attentionTiles(shape: AttentionShape, isGrad: boolean, device: DeviceTraits): AttentionTile[] {
  const { queries, keys, depth } = shape
  const short = Math.min(queries, keys)
  const held = Math.ceil(depth / 4) * (isGrad ? 4 : 2)
  const fitting = ROWS.filter(({ tm }) => tm === 1 || tm * held <= heldVectors)
  // The smaller the tile the sooner it is compiled, which is what counts where there is little to do.
  const registers = short < 32 ? fitting.reverse() : fitting
  const sums = Math.ceil(depth / 8) * (isGrad ? 2 : 1)
  const tiles = TILES.filter(
    (tile) =>
      tile.wx * tile.wy <= device.maxInvocations &&
      sharedBytes(tile, isGrad) <= device.maxWorkgroupBytes &&
      (tile.tm * sums <= 64 || tile.tm === 1) &&
      tile.tm * tile.wy < 2 * Math.max(32, short),
  )
  const singles = isGrad ? [] : singleTiles(shape)
  return device.software ? [...registers, ...tiles, ...singles] : [...singles, ...tiles, ...registers]
}

/** Elements of a row of q, k and v, and where the first head starts. */
export function layoutOf({ form, heads, kvHeads, depth }: AttentionShape): Readonly<Record<string, number>> {
  const [own, shared] = [heads * depth, kvHeads * depth]
  if (form === 'joint') {
    const row = own + 2 * shared
    return { Q_OFFSET: 0, Q_ROW: row, K_OFFSET: own, K_ROW: row, V_OFFSET: own + shared, V_ROW: row }
  }
  const row = form === 'pair' ? 2 * shared : shared
  return { Q_OFFSET: 0, Q_ROW: own, K_OFFSET: 0, K_ROW: row, V_OFFSET: form === 'pair' ? shared : 0, V_ROW: row }
}

function singleParams(keys: number, threads: number, splits: number): Record<string, number> {
  return { THREADS: threads, SPLITS: splits, BLOCKS: Math.ceil(keys / threads / splits) }
}

/** The parameters that say the sizes and the tile. */
export function tileParams(
  shape: AttentionShape,
  { tm, tn, wx, wy, dc, splits }: AttentionTile,
): Readonly<Record<string, number | boolean>> {
  const { heads, kvHeads, queries, keys, depth, scale, causal } = shape
  const quads = Math.ceil(depth / 4)
  const isUnrolled = quads <= longestUnrolled
  const rows = {
    IS_QUADS: depth % 4 === 0,
    IS_UNROLLED: isUnrolled,
    COPIES: isUnrolled ? quads : 1,
    THREADS: wx * wy,
  }
  const threads: Record<string, number | boolean> = dc === undefined ? rows : { WX: wx, WY: wy, DC: dc }
  return {
    HEADS: heads,
    GROUP: heads / kvHeads,
    QUERIES: Math.max(1, queries),
    KEYS: keys,
    DEPTH: depth,
    ...layoutOf(shape),
    SCALE: scale,
    IS_CAUSAL: causal,
    ...(splits ? singleParams(keys, wx, splits) : { TM: tm, TN: tn, ...threads }),
  }
}

/** The parameters of a gradient kernel beside. */
export function sideParams(
  { form }: AttentionShape,
  { dc }: AttentionTile,
  side: Side,
): Record<string, number | boolean> {
  const isKeys = side === 'keys'
  return { OF_KEYS: isKeys, IS_JOINED: form !== 'apart', ...(dc === undefined ? {} : { PARTS: isKeys ? 2 : 1 }) }
}

/** Workgroups for all rows of one side. */
export function tileGrid(
  { batch, heads, kvHeads, queries, keys }: AttentionShape,
  { tm, wy, splits = 1 }: AttentionTile,
  side: Side,
): [number, number, number] {
  return side === 'queries'
    ? [Math.ceil(queries / (tm * wy)) * splits, heads, batch]
    : [Math.ceil(keys / (tm * wy)), kvHeads, batch]
}
