import gatherGradText from '../../shaders/gather/gather_grad.wgsl?raw'
import linksText from '../../shaders/gather/links.wgsl?raw'
import takeGradText from '../../shaders/gather/take_grad.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { KernelCall } from '../graph/op.ts'
import { gridOf } from '../shape.ts'

const linksKernel: Kernel = defineKernel(
  'gather/links.wgsl',
  linksText,
  { SIZE: 'int', COUNT: 'int', ROW: 'int', SIGNED: 'flag', LOAD_ID: 'code' },
  ['links: read_write'],
)
const sizes = { OUTER: 'int', SIZE: 'int', COUNT: 'int', INNER: 'int', ROW: 'int', EPILOGUE_DECLS: 'code' } as const
const takeGradKernel: Kernel = defineKernel('gather/take_grad.wgsl', takeGradText, sizes, ['links', 'dy: DY_TYPE'])
const gatherGradKernel: Kernel = defineKernel(
  'gather/gather_grad.wgsl',
  gatherGradText,
  { ...sizes, SIGNED: 'flag', LOAD_ID: 'code' },
  ['dy: DY_TYPE'],
)

/** x is [outer, size, inner], what was read of it [outer, count, inner]. */
export interface GatherShape {
  readonly outer: number
  readonly size: number
  readonly count: number
  readonly inner: number
}

function threads(total: number): { row: number; grid: [number, number, number] } {
  const grid = gridOf(Math.ceil(total / 64))
  return { row: grid[0] * 64, grid }
}

function sizesOf({ outer, size, count, inner }: GatherShape): Readonly<Record<string, number>> {
  return { OUTER: outer, SIZE: size, COUNT: count, INNER: inner }
}

const ids = { LOAD_ID: { input: 0, name: 'load_id' } }

/** The dispatches of the gradient of slices taken by one list of ids; input 0 holds the ids, input 1 the gradient. */
export function takeGradCalls(shape: GatherShape, isSigned: boolean): KernelCall[] {
  const { outer, size, count, inner } = shape
  const links = { temp: 'links', bytes: 4 * (size + count) }
  const chain = threads(size + count)
  const sum = threads(outer * size * inner)
  return [
    {
      kernel: linksKernel,
      params: { SIZE: size, COUNT: count, ROW: chain.row, SIGNED: isSigned },
      bindings: { links },
      grid: chain.grid,
      loads: ids,
      flops: 0,
      bytes: 4 * (size + 2 * count),
    },
    {
      kernel: takeGradKernel,
      params: { ...sizesOf(shape), ROW: sum.row },
      bindings: { links, dy: { input: 1 } },
      grid: sum.grid,
      epilogue: true,
      flops: outer * count * inner,
      bytes: 4 * outer * (size + count) * inner,
    },
  ]
}

/** The dispatch of the gradient of gathering with an id per element; input 0 holds the ids, input 1 the gradient. */
export function gatherGradCalls(shape: GatherShape, isSigned: boolean): KernelCall[] {
  const { outer, size, count, inner } = shape
  const { row, grid } = threads(outer * size * inner)
  return [
    {
      kernel: gatherGradKernel,
      params: { ...sizesOf(shape), ROW: row, SIGNED: isSigned },
      bindings: { dy: { input: 1 } },
      grid,
      loads: ids,
      epilogue: true,
      flops: outer * count * inner,
      bytes: 4 * outer * (size + 2 * count) * inner,
    },
  ]
}
