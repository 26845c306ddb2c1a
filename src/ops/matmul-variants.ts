import type { DeviceTraits, KernelCall, Operand, Variant } from '../graph/op.ts'
import { gridOf } from '../shape.ts'
import {
  distinctTiles,
  type MatmulShape,
  type MatmulTile,
  matmulCall,
  quickestTile,
  registerTiles,
  tileName,
} from './matmul-kernels.ts'
import { quadTile } from './matmul-quads.ts'
import { withMomentsOf } from './norm-kernels.ts'
import { alsoWriting, storeTo, sumOfParts } from './parts.ts'
import { reducePartials } from './reduce-kernels.ts'

// Tiles in shared memory: 128 x 128, which take 16 KiB, 64 x 64 and 32 x 32 outputs.
const LARGE: MatmulTile = { tm: 8, tn: 8, wx: 16, wy: 16, bk: 16 }
const MEDIUM: MatmulTile = { tm: 4, tn: 4, wx: 16, wy: 16, bk: 16 }
const SMALL: MatmulTile = { tm: 4, tn: 4, wx: 8, wy: 8, bk: 16 }

// Workgroups that keep a large GPU busy, and the least steps of k that are worth a part of their own.
const BUSY = 128
const PART = 128

/** Bytes of shared memory that a tile takes. */
export function sharedBytes({ tm, tn, wx, wy, bk = 0, wk = 1 }: MatmulTile): number {
  return bk > 0 ? 4 * bk * (wy * tm + wx * tn) : wk > 1 ? 4 * wx * wy * wk * tm * (tn + 1) : 0
}

function fitsDevice(tile: MatmulTile, device: DeviceTraits): boolean {
  const { wx, wy, wk = 1 } = tile
  return wx * wy * wk <= device.maxInvocations && sharedBytes(tile) <= device.maxWorkgroupBytes
}

function groupsOf({ tm, tn, wx, wy }: MatmulTile, { m, n, batches }: MatmulShape): number {
  return Math.ceil(m / (wy * tm)) * Math.ceil(n / (wx * tn)) * batches
}

/** The tile with k in as many parts as make the GPU busy, each long enough; null where that is one. */
function split(tile: MatmulTile, shape: MatmulShape): MatmulTile | null {
  const splits = Math.min(64, Math.ceil(BUSY / groupsOf(tile, shape)), Math.floor(shape.k / PART))
  return splits > 1 ? { ...tile, splits } : null
}

/** Few rows or columns: threads share the sums, and a row of them reads neighbouring elements. */
function skinny({ m, n, k }: MatmulShape): MatmulTile | null {
  const isWide = m < n
  if (Math.min(m, n) > 8 || k < 64) return null
  const few = Math.min(4, Math.min(m, n))
  const many = Math.max(m, n) % 4 === 0 ? 4 : 1
  const across = Math.max(m, n) / many >= 1024 ? 4 : 2
  const wk = 2 ** Math.min(6, Math.floor(Math.log2(k / 8)))
  return isWide ? { tm: few, tn: many, wx: across, wy: 1, wk } : { tm: many, tn: few, wx: 1, wy: across, wk }
}

/**
 * The tiles that a product may take, the default first: registers alone on software, swapped in fours where that loads
 * less; on GPUs the largest tiles in shared memory of which there are enough, parts of k where there are too few of
 * any, and shared sums for few rows or columns.
 */
export function matmulTiles(shape: MatmulShape, device: DeviceTraits): MatmulTile[] {
  const { m, n, k, batches } = shape
  const question = { rows: m, columns: n, batches, depth: k, isSoftware: device.software }
  const registers = registerTiles(question)
  const quads = device.quads ? [quadTile(question), quadTile({ ...question, isSoftware: !device.software })] : []
  const sides = Math.min(m, n)
  const whole = { large: sides > 64, medium: sides > 16, small: sides > 8 }
  const cut = { medium: split(MEDIUM, shape), small: split(SMALL, shape) }
  const busy = (tile: MatmulTile, least: number): boolean => groupsOf(tile, shape) >= least
  // Each by when it is the default, the last of them where nothing else is.
  const candidates: readonly (readonly [tile: MatmulTile | null, isLegal: boolean, isDefault: boolean])[] = [
    [skinny(shape), true, true],
    [LARGE, whole.large, busy(LARGE, 192)],
    [MEDIUM, whole.medium, busy(MEDIUM, 64)],
    [cut.medium, whole.medium, sides >= 64 && k >= 1024],
    [SMALL, whole.small, busy(SMALL, 64)],
    [cut.small, whole.small, true],
    [SMALL, whole.small, true],
  ]
  const legal = candidates.flatMap(([tile, isLegal, isDefault]) =>
    tile && isLegal && k >= 8 && fitsDevice(tile, device) ? [{ tile, isDefault }] : [],
  )
  const first = legal.filter(({ isDefault }) => isDefault).slice(0, 1)
  const all = [...first, ...legal].map(({ tile }) => tile)
  return distinctTiles(
    device.software
      ? [quickestTile([...registers.slice(0, 1), ...quads], question), ...quads, ...registers, ...all]
      : [...all, ...registers, ...quads],
  )
}

/** What a product reads and adds up, and its cost. */
type MatmulWork = Pick<KernelCall, 'bindings' | 'flops' | 'bytes'>

/** Whether a product's kernel can also give the moments of its columns. */
function givesMoments({ tm, tn, wx, bk, splits = 1 }: MatmulTile): boolean {
  return bk !== undefined && splits === 1 && wx * tn <= bk * tm
}

/** Whether the kernel taken by default on a GPU can, which is then worth it: the product is not read again for them. */
export function shouldGiveMoments(shape: MatmulShape, device: DeviceTraits): boolean {
  const [first] = device.software ? [] : matmulTiles(shape, device)
  return first !== undefined && givesMoments(first)
}

/** The kernels for a product that also give mean, 1 / sqrt(variance + eps) and variance of its columns, as outputs 1 to 3. */
export function matmulMomentsVariants(
  shape: MatmulShape,
  eps: number,
  device: DeviceTraits,
  work: MatmulWork,
): Variant[] {
  return matmulTiles(shape, device)
    .filter(givesMoments)
    .map((tile) => ({
      name: tileName(tile),
      calls: () => {
        const product = { ...matmulCall(shape, tile), ...work, epilogue: true }
        return withMomentsOf(product, { count: shape.m, columns: shape.n, tiles: product.grid[1] }, eps, device)
      },
    }))
}

/** The kernels for a product, the default first. */
export function matmulVariants(shape: MatmulShape, device: DeviceTraits, work: MatmulWork): Variant[] {
  return matmulTiles(shape, device).map((tile) => ({
    name: tileName(tile),
    calls: () =>
      (tile.splits ?? 1) > 1
        ? splitCalls(shape, tile, work)
        : [{ ...matmulCall(shape, tile), ...work, epilogue: true }],
  }))
}

/** The products of parts of k, then their sums in order. */
function splitCalls(shape: MatmulShape, tile: MatmulTile, work: MatmulWork): KernelCall[] {
  const { splits = 1 } = tile
  const { kernel, params, grid } = matmulCall(shape, tile)
  const outputs = shape.batches * shape.m * shape.n
  const parts = { temp: 'parts', bytes: 4 * outputs * splits }
  const sumParts = { temp: 'sumParts', bytes: 4 * shape.m * splits }
  const total = (from: Operand, count: number): Omit<KernelCall, 'epilogue'> => {
    const threads = 64
    const line = gridOf(Math.ceil(count / threads))
    return {
      kernel: reducePartials,
      params: { ACC: sumOfParts, OUTPUTS: count, SPLITS: splits, THREADS: threads, ROW: line[0] * threads },
      bindings: { partials: from },
      grid: line,
      flops: count * splits,
      bytes: 4 * count * (splits + 1),
    }
  }
  const { sums, ...read } = work.bindings
  const bindings = { ...read, ...(sums ? { sums: sumParts } : {}), parts }
  const store = storeTo('parts', Object.keys(bindings).length - 1)
  const product = { kernel: alsoWriting(kernel, 'parts'), params: { ...params, EPILOGUE_DECLS: store }, grid }
  const calls: KernelCall[] = [{ ...work, ...product, bindings }]
  if (sums) {
    const call = total(sumParts, shape.m)
    calls.push({
      ...call,
      kernel: alsoWriting(call.kernel, 'sums'),
      params: { ...call.params, EPILOGUE_DECLS: storeTo('sums', 1) },
      bindings: { ...call.bindings, sums },
    })
  }
  return [...calls, { ...total(parts, outputs), epilogue: true }]
}
