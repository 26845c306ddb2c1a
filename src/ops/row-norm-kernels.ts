import lanesText from '../../shaders/lib/lanes.wgsl?raw'
import columnsText from '../../shaders/norm/columns.wgsl?raw'
import forwardText from '../../shaders/norm/forward.wgsl?raw'
import gradText from '../../shaders/norm/grad.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import { type DeviceTraits, defaultFirst, type KernelCall, type Variant } from '../graph/op.ts'
import { gridOf } from '../shape.ts'
import { lanesFor, linesOf } from './lanes.ts'

/** Sizes of a normalization of rows. */
export interface RowNorm {
  readonly rows: number
  readonly columns: number
  readonly eps: number
  /** The mean is taken off, and there is a bias; otherwise neither. */
  readonly isCentered: boolean
}

const lanes = { LANES: 'int', LINES: 'int', LEVELS: 'int' } as const
const sizes = { ...lanes, ROWS: 'int', COLUMNS: 'int', STEPS: 'int', WIDTH: 'int', IS_CENTERED: 'flag' } as const
const includes = { 'lib/lanes.wgsl': lanesText }

const forward: Kernel = defineKernel(
  'norm/forward.wgsl',
  forwardText,
  {
    ...sizes,
    EPS: 'f32',
    HAS_BIAS: 'flag',
    LOAD_X: 'code',
    LOAD_WEIGHT: 'code',
    LOAD_BIAS: 'code',
    EPILOGUE_DECLS: 'code',
  },
  ['stats: read_write'],
  includes,
)

/* @__NO_SIDE_EFFECTS__ */
function gradOf(...bindings: readonly string[]): Kernel {
  const params = { BLOCK: 'int', HAS_PARTS: 'flag', COPIES: 'int', EPILOGUE_DECLS: 'code' } as const
  const loads = { LOAD_X: 'code', LOAD_G: 'code', LOAD_WEIGHT: 'code' } as const
  return defineKernel('norm/grad.wgsl', gradText, { ...sizes, ...params, ...loads }, bindings, includes)
}

/* @__NO_SIDE_EFFECTS__ */
function columnsOf(...bindings: readonly string[]): Kernel {
  const flags = { HAS_PARTS: 'flag', HAS_BIAS: 'flag', LOAD_X: 'code', LOAD_G: 'code' } as const
  const params = { COUNT: 'int', COLUMNS: 'int', THREADS: 'int', ROW: 'int', ...flags } as const
  return defineKernel('norm/columns.wgsl', columnsText, params, bindings)
}

const grads = { plain: gradOf('stats'), parts: gradOf('stats', 'parts: read_write') }
const outputs = ['dweight: read_write', 'dbias: read_write']
const columnSums = {
  stats: [columnsOf('stats', ...outputs.slice(0, 1)), columnsOf('stats', ...outputs)],
  parts: [columnsOf('parts', ...outputs.slice(0, 1)), columnsOf('parts', ...outputs)],
} as const

/** Columns of which a thread holds the sums over its rows. */
const mostHeld = 32

/** Lines of rows whose sums for weight and bias are added up apart; enough to fill a GPU. */
const mostLines = 512

function variantsOf(norm: RowNorm, device: DeviceTraits, calls: (count: number) => KernelCall[]): Variant[] {
  const all = lanesFor(norm.columns, device).map((count) => ({ name: `lanes-${count}`, calls: () => calls(count) }))
  return defaultFirst(all, (all[0] as Variant).name)
}

/** The parameters of a kernel in which `count` threads share a row. */
function paramsOf({ rows, columns, isCentered }: RowNorm, count: number) {
  const steps = Math.ceil(columns / count)
  return { ...linesOf(count), ROWS: rows, COLUMNS: columns, STEPS: steps, IS_CENTERED: isCentered }
}

/** The ways to normalize the rows of input 0, times input 1, plus input 2; outputs are y and the statistics. */
export function rowNormVariants(norm: RowNorm, device: DeviceTraits, work: Work): Variant[] {
  return variantsOf(norm, device, (count) => {
    const params = paramsOf(norm, count)
    const grid = gridOf(Math.ceil(norm.rows / params.LINES))
    const bias = norm.isCentered ? { LOAD_BIAS: { input: 2, name: 'load_bias' } } : null
    return [
      {
        kernel: forward,
        params: {
          ...params,
          WIDTH: grid[0],
          EPS: norm.eps,
          HAS_BIAS: norm.isCentered,
          ...(bias ? {} : { LOAD_BIAS: '' }),
        },
        bindings: { stats: { output: 1 } },
        loads: { LOAD_X: { input: 0, name: 'load_x' }, LOAD_WEIGHT: { input: 1, name: 'load_weight' }, ...bias },
        grid,
        epilogue: true,
        ...work,
      },
    ]
  })
}

/** What a dispatch does that is useful. */
type Work = Pick<KernelCall, 'flops' | 'bytes'>

/** The ways to find the gradients of rows (input 0), weight (1) and bias by statistics (2) and the gradient of y (3). */
export function rowNormGradVariants(norm: RowNorm, device: DeviceTraits, work: Work): Variant[] {
  const { rows, columns, isCentered } = norm
  return variantsOf(norm, device, (count): KernelCall[] => {
    const params = paramsOf(norm, count)
    const hasParts = count > 1 && params.STEPS <= mostHeld
    const block = hasParts ? Math.ceil(rows / mostLines) : 1
    const groups = Math.ceil(rows / block / params.LINES)
    const lines = groups * params.LINES
    const grid = gridOf(groups)
    const stats = { input: 2 }
    const parts = { temp: 'parts', bytes: 8 * grid[0] * grid[1] * params.LINES * columns }
    const loads = { LOAD_X: { input: 0, name: 'load_x' }, LOAD_G: { input: 3, name: 'load_g' } }
    const threads = 64
    const columnGrid = gridOf(Math.ceil(columns / threads))
    const kernels = hasParts ? columnSums.parts : columnSums.stats
    return [
      {
        kernel: hasParts ? grads.parts : grads.plain,
        params: {
          ...params,
          WIDTH: grid[0],
          BLOCK: block,
          HAS_PARTS: hasParts,
          COPIES: hasParts ? params.STEPS : 1,
        },
        bindings: hasParts ? { stats, parts } : { stats },
        loads: { ...loads, LOAD_WEIGHT: { input: 1, name: 'load_weight' } },
        grid,
        epilogue: true,
        ...work,
      },
      {
        kernel: kernels[isCentered ? 1 : 0],
        params: {
          COUNT: hasParts ? lines : rows,
          COLUMNS: columns,
          HAS_PARTS: hasParts,
          HAS_BIAS: isCentered,
          THREADS: threads,
          ROW: columnGrid[0] * threads,
          ...(hasParts ? { LOAD_X: '', LOAD_G: '' } : {}),
        },
        bindings: {
          ...(hasParts ? { parts } : { stats }),
          dweight: { output: 1 },
          ...(isCentered ? { dbias: { output: 2 } } : {}),
        },
        ...(hasParts ? {} : { loads }),
        grid: columnGrid,
        flops: 3 * rows * columns,
        bytes: hasParts ? parts.bytes : 8 * rows * columns,
      },
    ]
  })
}
