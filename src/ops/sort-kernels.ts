import bitonicText from '../../shaders/sort/bitonic.wgsl?raw'
import rankText from '../../shaders/sort/rank.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { DeviceTraits, KernelCall, Variant } from '../graph/op.ts'
import { gridOf } from '../shape.ts'

const shared = { SIZE: 'int', COUNT: 'int', INNER: 'int', LOAD_KEY: 'code', EPILOGUE_DECLS: 'code' } as const
const bitonicKernel: Kernel = defineKernel(
  'sort/bitonic.wgsl',
  bitonicText,
  { ...shared, LINES: 'int', SLOTS: 'int', STAGES: 'int', THREADS: 'int', WIDTH: 'int' },
  [],
)
const rankKernel: Kernel = defineKernel('sort/rank.wgsl', rankText, { ...shared, TOTAL: 'int', ROW: 'int' }, [])

/** Keys [outer, size, inner], of which the first `count` of each line are wanted; outer * inner is `lines`. */
export interface Lines {
  readonly lines: number
  readonly size: number
  readonly count: number
  readonly inner: number
}

/** Keys of a line whose order is found in the shared memory of a workgroup. */
export const longestLine = 1024

/** The ways to order the keys of input 0: by counting, or by a network in shared memory, which a line must fit. */
export function orderVariants(line: Lines, device: DeviceTraits): Variant[] {
  const slots = slotsOf(line.size)
  const fits = line.size <= longestLine && 4 * slots <= device.maxWorkgroupBytes
  const counted = { name: 'rank', calls: () => rankCalls(line) }
  const network = { name: 'bitonic', calls: () => bitonicCalls(line) }
  // A software adapter takes long to compile the network.
  if (!fits) return [counted]
  return device.software ? [counted, network] : [network, counted]
}

function slotsOf(size: number): number {
  return 2 ** Math.max(1, Math.ceil(Math.log2(size)))
}

function common({ lines, size, count, inner }: Lines): Pick<KernelCall, 'bindings' | 'loads' | 'epilogue' | 'bytes'> & {
  readonly sizes: Readonly<Record<string, number>>
} {
  return {
    bindings: {},
    loads: { LOAD_KEY: { input: 0, name: 'load_key' } },
    epilogue: true,
    bytes: 4 * lines * (size + count),
    sizes: { SIZE: size, COUNT: count, INNER: inner },
  }
}

function rankCalls(line: Lines): KernelCall[] {
  const { sizes, ...rest } = common(line)
  const total = line.lines * line.size
  const grid = gridOf(Math.ceil(total / 64))
  const params = { ...sizes, TOTAL: total, ROW: grid[0] * 64 }
  return [{ ...rest, kernel: rankKernel, params, grid, flops: 3 * total * line.size }]
}

function bitonicCalls(line: Lines): KernelCall[] {
  const { sizes, ...rest } = common(line)
  const { lines, size } = line
  const slots = slotsOf(size)
  const stages = Math.log2(slots)
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
