import columnMomentsText from '../../shaders/lib/column_moments.wgsl?raw'
import quadText from '../../shaders/lib/quad.wgsl?raw'
import quadsText from '../../shaders/matmul/quads.wgsl?raw'
import sharedText from '../../shaders/matmul/shared.wgsl?raw'
import tileText from '../../shaders/matmul/tile.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'

const params = {
  M: 'int',
  N: 'int',
  K: 'int',
  BATCHES: 'int',
  TRANS_A: 'flag',
  TRANS_B: 'flag',
  TM: 'int',
  TN: 'int',
  WX: 'int',
  SUMS: 'flag',
  A_OFFSET: 'code',
  B_OFFSET: 'code',
  EPILOGUE_DECLS: 'code',
} as const

const blockParams = { ...params, SPLITS: 'int', VEC4_A: 'flag', VEC4_B: 'flag', WY: 'int' } as const

const operands = ['a: A_TYPE', 'b: B_TYPE']

/** Matrix product from registers; threads may share the sum over k. */
export const matmulTile: Kernel = defineKernel(
  'matmul/tile.wgsl',
  tileText,
  { ...blockParams, WK: 'int', K_FAST: 'flag' },
  operands,
)

/** What kernels whose threads swap in fours include. */
export const quadIncludes = { 'lib/quad.wgsl': quadText }

/** Matrix product from registers; four neighbouring threads swap what they load. */
export const matmulQuads: Kernel = defineKernel(
  'matmul/quads.wgsl',
  quadsText,
  { ...params, A_SIZE: 'int', B_SIZE: 'int' },
  operands,
  quadIncludes,
)

/** What kernels with tiles in shared memory include for moments of their columns. */
export const columnMoments = { 'lib/column_moments.wgsl': columnMomentsText }

/** Matrix product with tiles in shared memory. */
export const matmulShared: Kernel = defineKernel(
  'matmul/shared.wgsl',
  sharedText,
  { ...blockParams, EXACT_A: 'flag', EXACT_B: 'flag', BK: 'int', MOMENTS: 'flag' },
  operands,
  columnMoments,
)

/** Sizes and storage of a batched product `[batches, m, k] x [batches, k, n]`. */
export interface MatmulShape {
  readonly batches: number
  readonly m: number
  readonly n: number
  readonly k: number
  /** `a` is stored `[k, m]`. */
  readonly transA: boolean
  /** `b` is stored `[n, k]`. */
  readonly transB: boolean
  /** First element of a batch as WGSL of `batch: u32`; a multiple of the matrix size. */
  readonly aOffset: string
  readonly bOffset: string
  /** Elements of the operands as stored; a matrix for each batch unless given. */
  readonly aSize?: number
  readonly bSize?: number
  /** Also the sums of the rows of `a`, [m]; only without batches. */
  readonly sums?: boolean
}

/** Outputs of a thread and threads of a workgroup. */
export interface MatmulTile {
  readonly tm: number
  readonly tn: number
  readonly wx: number
  readonly wy: number
  /** Depth of a tile in shared memory; without it there is none. */
  readonly bk?: number
  /** Threads that share the sum over k of an output; 1 unless given. */
  readonly wk?: number
  /** Threads swap what they load in fours; `wy` is 1, `wx` and `tm` are multiples of 4. */
  readonly quads?: true
  /** Parts of k whose products are added up by a second dispatch; 1 unless given. */
  readonly splits?: number
}

/** A kernel with all its parameters but `EPILOGUE_DECLS`, and its grid. */
export interface TiledCall {
  readonly kernel: Kernel
  readonly params: Readonly<Record<string, number | boolean | string>>
  readonly grid: readonly [number, number, number]
}

/** What a register tile is chosen for. */
export interface TileQuestion {
  readonly rows: number
  readonly columns: number
  readonly batches: number
  /** Multiply-adds per output. */
  readonly depth: number
  readonly isSoftware: boolean
  /** What each row or column of a tile costs beyond its load, in multiply-adds per step. */
  readonly rowCost?: number
  readonly columnCost?: number
}

const SIDES = [8, 4, 3, 2, 1]

// Price of a load in multiply-adds, threads that run at once, threads in step, and the workgroup to aim for.
const SOFTWARE = { load: 9, lanes: 8, step: 4, group: 16, width: 4 }
const GPU = { load: 2, lanes: 16384, step: 32, group: 64, width: 8 }

/** Outputs per thread, limited for small work: 8 x 8 takes a software driver ten times as long to compile as 4 x 4. */
function largestTile(multiplyAdds: number): number {
  return multiplyAdds < 2 ** 20 ? 16 : multiplyAdds < 2 ** 24 ? 32 : 64
}

/** `tm` x `tn` outputs of a thread, in a workgroup no wider than the work. */
function tileOf(tm: number, tn: number, { rows, columns, isSoftware }: TileQuestion): MatmulTile {
  const machine = isSoftware ? SOFTWARE : GPU
  const wx = Math.max(1, Math.min(machine.width, Math.ceil(columns / tn)))
  return { tm, tn, wx, wy: Math.max(1, Math.min(Math.floor(machine.group / wx), Math.ceil(rows / tm))) }
}

/** Estimated time of the work with a tile, in multiply-adds. */
export function estimate({ tm, tn, wx, wy, quads }: MatmulTile, question: TileQuestion): number {
  const { rows, columns, batches, rowCost = 0, columnCost = 0 } = question
  const machine = question.isSoftware ? SOFTWARE : GPU
  // Idle threads of a workgroup cost as much as busy ones.
  const group = Math.ceil((wx * wy) / machine.step) * machine.step
  const threads = group * Math.ceil(columns / tn / wx) * Math.ceil(rows / tm / wy) * batches
  const each = tm * tn + machine.load * ((quads ? tm / 4 : tm) + tn) + rowCost * tm + columnCost * tn
  return Math.max(threads / machine.lanes, 1) * each
}

/** The first of the tiles that have the least estimated time. */
export function quickestTile(tiles: readonly MatmulTile[], question: TileQuestion): MatmulTile {
  return tiles.reduce((best, tile) => (estimate(tile, question) < estimate(best, question) ? tile : best))
}

/** The register tile of least estimated time. */
export function registerTile(question: TileQuestion): MatmulTile {
  const { rows, columns, batches, depth } = question
  const largest = largestTile(rows * columns * batches * depth)
  const sides = SIDES.flatMap((tm) => SIDES.map((tn) => [tm, tn] as const))
  const fitting = sides.filter(([tm, tn]) => tm * tn <= largest)
  return quickestTile(
    fitting.map(([tm, tn]) => tileOf(tm, tn, question)),
    question,
  )
}

// Tiles that are worth a try beside the one of least estimated time.
const TILES: readonly (readonly [tm: number, tn: number])[] = [
  [8, 8],
  [8, 4],
  [4, 8],
  [4, 4],
  [2, 2],
  [1, 4],
]

/**
 * Register tiles for this work: that of least estimated time first, then that of the other kind of machine, then others
 * no wider than the work.
 */
export function registerTiles(question: TileQuestion): MatmulTile[] {
  const { rows, columns, isSoftware } = question
  const fitting = TILES.filter(([tm, tn]) => tm < 2 * rows && tn < 2 * columns)
  return distinctTiles([
    registerTile(question),
    registerTile({ ...question, isSoftware: !isSoftware }),
    ...fitting.map(([tm, tn]) => tileOf(tm, tn, question)),
  ])
}

/** The tiles without those that come again. */
export function distinctTiles(tiles: readonly MatmulTile[]): MatmulTile[] {
  return [...new Map(tiles.map((tile) => [tileName(tile), tile])).values()]
}

/** Outputs and threads: `tile-8x4-4x4`, `tile-1x4-2x1-k64`, `quads-16x4-16`, `shared-64x64x16-4x4`, `shared-32x32x16-4x4-split8`. */
export function tileName({ tm, tn, wx, wy, bk, wk = 1, splits = 1, quads }: MatmulTile): string {
  if (quads) return `quads-${tm}x${tn}-${wx}`
  const name = bk === undefined ? `tile-${tm}x${tn}-${wx}x${wy}` : `shared-${wy * tm}x${wx * tn}x${bk}-${tm}x${tn}`
  return `${name}${wk > 1 ? `-k${wk}` : ''}${splits > 1 ? `-split${splits}` : ''}`
}

/** The kernel call for a product with the given tile. */
export function matmulCall(shape: MatmulShape, tile: MatmulTile): TiledCall {
  const { batches, m, n, k, transA, transB, aOffset, bOffset, sums = false } = shape
  const { aSize = batches * m * k, bSize = batches * k * n } = shape
  const { tm, tn, wx, wy, bk, wk = 1, splits = 1 } = tile
  const isShared = bk !== undefined
  const common = {
    M: m,
    N: n,
    K: k,
    BATCHES: batches,
    TRANS_A: transA,
    TRANS_B: transB,
    TM: tm,
    TN: tn,
    WX: wx,
    SUMS: sums,
    A_OFFSET: aOffset,
    B_OFFSET: bOffset,
  }
  const blocks = {
    SPLITS: splits,
    VEC4_A: transA ? m % 4 === 0 && (isShared || tm % 4 === 0) : k % 4 === 0,
    VEC4_B: transB ? k % 4 === 0 : n % 4 === 0 && (isShared || tn % 4 === 0),
    WY: wy,
  }
  const [kernel, own] = tile.quads
    ? [matmulQuads, { A_SIZE: Math.max(1, aSize), B_SIZE: Math.max(1, bSize) }]
    : isShared
      ? [
          matmulShared,
          {
            ...blocks,
            BK: bk,
            MOMENTS: false,
            EXACT_A: (m % (wy * tm)) + (k % (bk * splits)) === 0,
            EXACT_B: (n % (wx * tn)) + (k % (bk * splits)) === 0,
          },
        ]
      : // Threads that share a sum are neighbours where the operand that is read most lies along k.
        [matmulTile, { ...blocks, WK: wk, K_FAST: wk > 1 && (m < n ? transB : !transA) }]
  return {
    kernel: sums ? { ...kernel, bindings: [...kernel.bindings, { name: 'sums', access: 'read_write' }] } : kernel,
    params: { ...common, ...own },
    grid: [Math.ceil(n / (wx * tn)), Math.ceil(m / (wy * tm)), batches * splits],
  }
}
