import forwardRowsText from '../../shaders/attention/forward_rows.wgsl?raw'
import gradRowsText from '../../shaders/attention/grad_rows.wgsl?raw'
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

/** How attention is cut: rows of a thread, rows of the other side at a time, threads of a workgroup. */
export interface AttentionTile {
  readonly tm: number
  readonly tn: number
  readonly threads: number
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
const rows = { IS_QUADS: 'flag', TM: 'int', TN: 'int', THREADS: 'int' } as const

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

/* @__NO_SIDE_EFFECTS__ */
function gradRowsOf(...outputs: readonly string[]): Kernel {
  const params = { ...sizes, ...rows, OF_KEYS: 'flag', IS_JOINED: 'flag' } as const
  const bindings = ['q', 'k', 'v', 'g', 'stats', ...outputs.map((name) => `${name}: read_write`)]
  return defineKernel('attention/grad_rows.wgsl', gradRowsText, params, bindings, includes)
}

const queryGradRows: Kernel = gradRowsOf('dq')
const keyGradRows: Kernel = gradRowsOf('dk', 'dv')
const joinedGradRows: Kernel = gradRowsOf('dkv')

/** The forward kernel of a tile. */
export function forwardKernel(_tile: AttentionTile): Kernel {
  return forwardRows
}

/** The gradient kernel of a tile for one side. */
export function gradKernel(_tile: AttentionTile, side: Side, form: AttentionForm): Kernel {
  return side === 'queries' ? queryGradRows : form === 'apart' ? keyGradRows : joinedGradRows
}

/** `rows-4x4x16` by rows of a thread, rows of the other side and threads. */
export function attentionTileName({ tm, tn, threads }: AttentionTile): string {
  return `rows-${tm}x${tn}x${threads}`
}

/** Vectors of four that a thread may hold as sums. */
const mostSums = 32

/** The tiles that attention may take on a device, the default first; `sums` rows of a head are held for each row. */
export function attentionTiles(
  { depth, queries, keys }: AttentionShape,
  sums: number,
  _device: DeviceTraits,
): AttentionTile[] {
  const quads = Math.ceil(depth / 4) * sums
  const tm = [4, 2, 1].find((n) => n * quads <= mostSums && n < 2 * Math.min(queries, keys)) ?? 1
  return [
    { tm, tn: 4, threads: 16 },
    { tm: 1, tn: 4, threads: 16 },
  ].filter((t, i) => i === 0 || t.tm !== tm)
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

/** The parameters that say the sizes and the tile. */
export function tileParams(
  shape: AttentionShape,
  { tm, tn, threads }: AttentionTile,
): Readonly<Record<string, number | boolean>> {
  const { heads, kvHeads, queries, keys, depth, scale, causal } = shape
  return {
    HEADS: heads,
    GROUP: heads / kvHeads,
    QUERIES: Math.max(1, queries),
    KEYS: keys,
    DEPTH: depth,
    ...layoutOf(shape),
    SCALE: scale,
    IS_CAUSAL: causal,
    IS_QUADS: depth % 4 === 0,
    TM: tm,
    TN: tn,
    THREADS: threads,
  }
}

/** Workgroups for all rows of one side. */
export function tileGrid(
  { batch, heads, kvHeads, queries, keys }: AttentionShape,
  { tm, threads }: AttentionTile,
  side: Side,
): [number, number, number] {
  const perGroup = tm * threads
  return side === 'queries'
    ? [Math.ceil(queries / perGroup), heads, batch]
    : [Math.ceil(keys / perGroup), kvHeads, batch]
}
