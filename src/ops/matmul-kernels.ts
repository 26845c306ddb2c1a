import sharedText from '../../shaders/matmul/shared.wgsl?raw'
import tileText from '../../shaders/matmul/tile.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'

const params = {
  M: 'int',
  N: 'int',
  K: 'int',
  TRANS_A: 'flag',
  TRANS_B: 'flag',
  VEC4_A: 'flag',
  VEC4_B: 'flag',
  TM: 'int',
  TN: 'int',
  WX: 'int',
  WY: 'int',
  A_OFFSET: 'code',
  B_OFFSET: 'code',
  EPILOGUE_DECLS: 'code',
} as const

/** Matrix product from registers alone. */
export const matmulTile: Kernel = defineKernel('matmul/tile.wgsl', tileText, params, ['a', 'b'])

/** Matrix product with tiles in shared memory. */
export const matmulShared: Kernel = defineKernel('matmul/shared.wgsl', sharedText, { ...params, BK: 'int' }, ['a', 'b'])

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
}

/** Outputs of a thread and threads of a workgroup; with `bk`, the depth of a shared tile. */
export interface MatmulTile {
  readonly tm: number
  readonly tn: number
  readonly wx: number
  readonly wy: number
  readonly bk?: number
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
  /** Price of a load in multiply-adds. */
  readonly loadCost: number
  /** Threads that run at once. */
  readonly lanes: number
}

const SMALL_WORK = 2 ** 23
const SIDES = [8, 4, 3, 2, 1]

/** The register tile of least estimated time; small work takes at most 4 x 4, which compiles many times faster. */
export function registerTile({ rows, columns, batches, depth, loadCost, lanes }: TileQuestion): MatmulTile {
  const largest = rows * columns * batches * depth < SMALL_WORK ? 4 : 8
  let best: MatmulTile = { tm: 1, tn: 1, wx: 4, wy: 4 }
  let bestCost = Number.POSITIVE_INFINITY
  for (const tm of SIDES) {
    for (const tn of SIDES) {
      if (Math.max(tm, tn) > largest) continue
      const across = Math.ceil(columns / tn)
      const down = Math.ceil(rows / tm)
      const wx = Math.min(4, across)
      const wy = Math.min(Math.floor(16 / wx), down)
      // Idle threads of a workgroup cost as much as busy ones, and threads run four at a time at least.
      const threads = Math.ceil((wx * wy) / 4) * 4 * Math.ceil(across / wx) * Math.ceil(down / wy) * batches
      const cost = Math.max(threads / lanes, 1) * (tm * tn + loadCost * (tm + tn))
      if (cost < bestCost) {
        best = { tm, tn, wx, wy }
        bestCost = cost
      }
    }
  }
  return best
}

/** The tile for a device: registers alone on software, shared memory on GPUs where the output fills the tiles. */
export function matmulTileFor({ m, n, k, batches }: MatmulShape, isSoftware: boolean): MatmulTile {
  const question = { rows: m, columns: n, batches, depth: k }
  if (isSoftware) return registerTile({ ...question, loadCost: 9, lanes: 8 })
  if (m <= 8 || n <= 8 || k < 8) return registerTile({ ...question, loadCost: 2, lanes: 8192 })
  const large = Math.ceil(m / 64) * Math.ceil(n / 64) * batches
  return large >= 64 ? { tm: 4, tn: 4, wx: 16, wy: 16, bk: 16 } : { tm: 4, tn: 4, wx: 8, wy: 8, bk: 16 }
}

/** The kernel call for a product with the given tile. */
export function matmulCall(shape: MatmulShape, tile: MatmulTile): TiledCall {
  const { batches, m, n, k, transA, transB, aOffset, bOffset } = shape
  const { tm, tn, wx, wy, bk } = tile
  const isShared = bk !== undefined
  const common = {
    M: m,
    N: n,
    K: k,
    TRANS_A: transA,
    TRANS_B: transB,
    VEC4_A: transA ? m % 4 === 0 && (isShared || tm % 4 === 0) : k % 4 === 0,
    VEC4_B: transB ? k % 4 === 0 : n % 4 === 0 && (isShared || tn % 4 === 0),
    TM: tm,
    TN: tn,
    WX: wx,
    WY: wy,
    A_OFFSET: aOffset,
    B_OFFSET: bOffset,
  }
  return {
    kernel: isShared ? matmulShared : matmulTile,
    params: isShared ? { ...common, BK: bk } : common,
    grid: [Math.ceil(n / (wx * tn)), Math.ceil(m / (wy * tm)), batches],
  }
}
