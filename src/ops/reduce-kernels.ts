import partialsText from '../../shaders/reduce/partials.wgsl?raw'
import partsText from '../../shaders/reduce/parts.wgsl?raw'
import serialText from '../../shaders/reduce/serial.wgsl?raw'
import treeText from '../../shaders/reduce/tree.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { DeviceTraits, KernelCall } from '../graph/op.ts'
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

/**
 * The dispatches that reduce `axes` of `shape`: a tree, a loop, or a loop in parts, by where the reduced axes lie and
 * how many outputs there are.
 */
export function reduceCalls(
  shape: readonly number[],
  axes: readonly number[],
  acc: Accumulator,
  device: DeviceTraits,
): KernelCall[] {
  const strides = contiguousStrides(shape)
  const kept = shape.map((_, d) => d).filter((d) => !axes.includes(d))
  const outputs = numel(kept.map((d) => shape[d] as number))
  const reduced = numel(axes.map((d) => shape[d] as number))
  const trailing = axes.every((d) => kept.every((k) => k < d || shape[d] === 1 || shape[k] === 1))
  const flops = outputs * reduced * acc.flops
  const bytes = 4 * (outputs * reduced + outputs)
  const loads = { LOAD_X: { input: 0, name: 'load_x' } }
  const common = {
    ACC: acc.code,
    INDEX: indexFunction(shape, strides, kept, axes),
    LOAD_MORE: '',
    REDUCED: reduced,
    OUTPUTS: outputs,
  }
  const grid = gridOf(Math.ceil(outputs / threads))

  // Enough invocations to fill a GPU; a software adapter is full with few and pays for every barrier.
  const wanted = device.software ? 32 : 16384
  if (trailing && reduced >= 64 && !(outputs === 1 && reduced >= 65536)) {
    const levels = Math.min(8, Math.max(1, Math.floor(Math.log2(reduced / 4))))
    const size = Math.min(2 ** levels, device.software ? 16 : 256)
    const tree = gridOf(outputs)
    const params = {
      ...common,
      THREADS: size,
      WIDTH: tree[0],
      STEPS: Math.ceil(reduced / size),
      LEVELS: Math.log2(size),
    }
    return [{ kernel: reduceTree, params, bindings: {}, grid: tree, epilogue: true, loads, flops, bytes }]
  }
  const splits = Math.max(1, Math.min(Math.floor(reduced / 32), Math.ceil(wanted / outputs), 1024))
  if (splits === 1) {
    return [
      {
        kernel: reduceSerial,
        params: { ...common, THREADS: threads, ROW: grid[0] * threads },
        bindings: {},
        grid,
        epilogue: true,
        loads,
        flops,
        bytes,
      },
    ]
  }
  const partGrid = gridOf(Math.ceil((outputs * splits) / threads))
  const partials = { temp: 'partials', bytes: outputs * splits * acc.bytes }
  return [
    {
      kernel: reduceParts,
      params: {
        ...common,
        THREADS: threads,
        ROW: partGrid[0] * threads,
        SPLITS: splits,
        STEPS: Math.ceil(reduced / splits),
        OUTPUTS_FAST: !trailing,
      },
      bindings: { partials },
      grid: partGrid,
      loads,
      flops,
      bytes,
    },
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
