import partialsText from '../../shaders/reduce/partials.wgsl?raw'
import partsText from '../../shaders/reduce/parts.wgsl?raw'
import serialText from '../../shaders/reduce/serial.wgsl?raw'
import treeText from '../../shaders/reduce/tree.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import { type DeviceTraits, defaultFirst, type KernelCall, type Variant } from '../graph/op.ts'
import { contiguousStrides, gridOf, numel } from '../shape.ts'
import { stridedIndex } from './indexing.ts'

const line = { THREADS: 'int', ROW: 'u32', OUTPUTS: 'u32' } as const
const input = { ACC: 'code', INDEX: 'code', LOAD_X: 'code', LOAD_MORE: 'code', REDUCED: 'u32' } as const

export const reduceSerial: Kernel = defineKernel(
  'reduce/serial.wgsl',
  serialText,
  { ...line, ...input, EPILOGUE_DECLS: 'code' },
  [],
)
export const reduceParts: Kernel = defineKernel(
  'reduce/parts.wgsl',
  partsText,
  { ...line, ...input, SPLITS: 'u32', STEPS: 'u32', OUTPUTS_FAST: 'flag' },
  ['partials: read_write'],
)
export const reducePartials: Kernel = defineKernel(
  'reduce/partials.wgsl',
  partialsText,
  { ...line, ACC: 'code', SPLITS: 'u32', EPILOGUE_DECLS: 'code' },
  ['partials'],
)
export const reduceTree: Kernel = defineKernel(
  'reduce/tree.wgsl',
  treeText,
  { ...input, THREADS: 'int', WIDTH: 'u32', OUTPUTS: 'u32', STEPS: 'u32', LEVELS: 'u32', EPILOGUE_DECLS: 'code' },
  [],
)

/** The WGSL of an accumulator: its type and how elements enter, meet and leave it. */
export interface Accumulator {
  readonly code: string
  readonly bytes: number
  /** FLOPs for one element. */
  readonly flops: number
}

const threads = 64

/** What is common to all ways to reduce `axes` of a shape. */
interface Reduction {
  readonly outputs: number
  readonly reduced: number
  readonly acc: Accumulator
  /** The reduced axes lie behind the others. */
  readonly isTrailing: boolean
  readonly common: Readonly<Record<string, number | string>>
  readonly work: Pick<KernelCall, 'loads' | 'flops' | 'bytes'>
}

/** The ways to reduce `axes` of `shape`: a tree per output, a loop per output, or loops over parts of an output. */
export function reduceVariants(
  shape: readonly number[],
  axes: readonly number[],
  acc: Accumulator,
  device: DeviceTraits,
): Variant[] {
  const strides = contiguousStrides(shape)
  const kept = shape.map((_, d) => d).filter((d) => !axes.includes(d))
  const outputs = numel(kept.map((d) => shape[d] as number))
  const reduced = numel(axes.map((d) => shape[d] as number))
  const r: Reduction = {
    outputs,
    reduced,
    acc,
    isTrailing: axes.every((d) => kept.every((k) => k < d || shape[d] === 1 || shape[k] === 1)),
    common: {
      ACC: acc.code,
      INDEX: indexFunction(shape, strides, kept, axes),
      LOAD_MORE: '',
      REDUCED: reduced,
      OUTPUTS: outputs,
    },
    work: {
      loads: { LOAD_X: { input: 0, name: 'load_x' } },
      flops: outputs * reduced * acc.flops,
      bytes: 4 * (outputs * reduced + outputs),
    },
  }
  const size = treeThreads(reduced, device.software)
  const splits = partsOf(r, device.software)
  const tree = r.isTrailing && reduced >= 64 && !(outputs === 1 && reduced >= 65536)
  const trees = [...new Set([size, 16, 64, 256])].filter(
    (n) => n <= Math.max(2, reduced) && n <= device.maxInvocations && n * acc.bytes <= device.maxWorkgroupBytes,
  )
  const parts = [...new Set([splits, partsOf(r, !device.software)])].filter((n) => n > 1)
  const all: Variant[] = [
    ...trees.map((n) => ({ name: `tree-${n}`, calls: () => treeCalls(r, n) })),
    { name: 'serial', calls: () => serialCalls(r) },
    ...parts.map((n) => ({ name: `parts-${n}`, calls: () => partsCalls(r, n) })),
  ]
  return defaultFirst(all, tree ? `tree-${size}` : splits > 1 ? `parts-${splits}` : 'serial')
}

function treeThreads(reduced: number, isSoftware: boolean): number {
  const levels = Math.min(8, Math.max(1, Math.floor(Math.log2(reduced / 4))))
  return Math.min(2 ** levels, isSoftware ? 16 : 256)
}

/** Enough invocations to fill a GPU; a software adapter is full with few and pays for every barrier. */
function partsOf({ outputs, reduced }: Reduction, isSoftware: boolean): number {
  const wanted = isSoftware ? 32 : 16384
  return Math.max(1, Math.min(Math.floor(reduced / 32), Math.ceil(wanted / Math.max(1, outputs)), 1024))
}

function treeCalls({ outputs, reduced, common, work }: Reduction, size: number): KernelCall[] {
  const grid = gridOf(outputs)
  const steps = Math.ceil(reduced / size)
  const params = { ...common, THREADS: size, WIDTH: grid[0], STEPS: steps, LEVELS: Math.log2(size) }
  return [{ kernel: reduceTree, params, bindings: {}, grid, epilogue: true, ...work }]
}

function serialCalls({ outputs, common, work }: Reduction): KernelCall[] {
  const grid = gridOf(Math.ceil(outputs / threads))
  const params = { ...common, THREADS: threads, ROW: grid[0] * threads }
  return [{ kernel: reduceSerial, params, bindings: {}, grid, epilogue: true, ...work }]
}

function partsCalls({ outputs, reduced, acc, isTrailing, common, work }: Reduction, splits: number): KernelCall[] {
  const grid = gridOf(Math.ceil(outputs / threads))
  const partGrid = gridOf(Math.ceil((outputs * splits) / threads))
  const partials = { temp: 'partials', bytes: outputs * splits * acc.bytes }
  const params = {
    ...common,
    THREADS: threads,
    ROW: partGrid[0] * threads,
    SPLITS: splits,
    STEPS: Math.ceil(reduced / splits),
    OUTPUTS_FAST: !isTrailing,
  }
  return [
    { kernel: reduceParts, params, bindings: { partials }, grid: partGrid, ...work },
    {
      kernel: reducePartials,
      params: { ACC: acc.code, OUTPUTS: outputs, SPLITS: splits, THREADS: threads, ROW: grid[0] * threads },
      bindings: { partials },
      grid,
      epilogue: true,
      flops: outputs * splits,
      bytes: outputs * splits * acc.bytes,
    },
  ]
}

/** `fn index(o, r)`: the element of x that is number r of output o. */
function indexFunction(
  shape: readonly number[],
  strides: readonly number[],
  kept: readonly number[],
  axes: readonly number[],
): string {
  const lines: string[] = []
  const w = {
    let: (expression: string): string => {
      lines.push(`  let t${lines.length} = ${expression};`)
      return `t${lines.length - 1}`
    },
  }
  const part = (dims: readonly number[], i: string): string =>
    stridedIndex(
      w,
      i,
      dims.map((d) => shape[d] as number),
      dims.map((d) => strides[d] as number),
    )
  const sum = `${part(kept, 'o')} + ${part(axes, 'r')}`
  return `fn index(o: u32, r: u32) -> u32 {\n${[...lines, `  return ${sum};`].join('\n')}\n}`
}
