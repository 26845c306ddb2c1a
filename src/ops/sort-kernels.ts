import bitonicText from '../../shaders/sort/bitonic.wgsl?raw'
import rankText from '../../shaders/sort/rank.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { KernelCall } from '../graph/op.ts'
import { gridOf } from '../shape.ts'

const common = { SIZE: 'int', COUNT: 'int', INNER: 'int', LOAD_KEY: 'code', EPILOGUE_DECLS: 'code' } as const
const bitonicKernel: Kernel = defineKernel(
  'sort/bitonic.wgsl',
  bitonicText,
  { ...common, LINES: 'int', SLOTS: 'int', STAGES: 'int', THREADS: 'int', WIDTH: 'int' },
  [],
)
const rankKernel: Kernel = defineKernel('sort/rank.wgsl', rankText, { ...common, TOTAL: 'int', ROW: 'int' }, [])

/** Keys [outer, size, inner], of which the first `count` of each line are wanted; outer * inner is `lines`. */
export interface Lines {
  readonly lines: number
  readonly size: number
  readonly count: number
  readonly inner: number
}

/**
 * The dispatch that orders the keys of input 0: by counting, or by a network in shared memory, which a line must fit and for which a
 * software adapter takes long to compile.
 */
export function orderCalls({ lines, size, count, inner }: Lines, isCounted: boolean): KernelCall[] {
  const sizes = { SIZE: size, COUNT: count, INNER: inner }
  const rest = {
    bindings: {},
    loads: { LOAD_KEY: { input: 0, name: 'load_key' } },
    epilogue: true,
    bytes: 4 * lines * (size + count),
  }
  if (isCounted) {
    const total = lines * size
    const grid = gridOf(Math.ceil(total / 64))
    const params = { ...sizes, TOTAL: total, ROW: grid[0] * 64 }
    return [{ ...rest, kernel: rankKernel, params, grid, flops: 3 * total * size }]
  }
  const stages = Math.max(1, Math.ceil(Math.log2(size)))
  const slots = 2 ** stages
  const grid = gridOf(lines)
  const params = {
    ...sizes,
    LINES: lines,
    SLOTS: slots,
    STAGES: stages,
    THREADS: Math.min(slots / 2, 128),
    WIDTH: grid[0],
  }
  return [{ ...rest, kernel: bitonicKernel, params, grid, flops: (lines * slots * stages * (stages + 1)) / 4 }]
}
