import appendText from '../../shaders/attention/append.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { KernelOp } from '../graph/op.ts'
import type { Spec } from '../graph/value.ts'
import { gridOf, numel } from '../shape.ts'

const sizes = { COUNT: 'int', POSITIONS: 'int', FEATURES: 'int', LENGTH: 'int', THREADS: 'int', ROW: 'int' } as const

const kernel: Kernel = defineKernel(
  'attention/append.wgsl',
  appendText,
  { ...sizes, LOAD_K: 'code', LOAD_V: 'code', LOAD_START: 'code' },
  ['keys: read_write', 'values: read_write'],
)

const THREADS = 64

/** Puts k and v [batch, positions, features] into two variables [batch, length, features], from the position `start`, u32 [1], on. */
export const appendPositionsOp: KernelOp<'k' | 'v' | 'start', { readonly length: number }> = {
  kind: 'kernel',
  name: 'appendPositions',
  inputs: ['k', 'v', 'start'],
  virtual: ['k', 'v', 'start'],
  infer: () => [],
  lower: ({ inputs: [k], attrs: { length } }) => {
    const { shape } = k as Spec
    const grid = gridOf(Math.ceil(numel(shape) / THREADS))
    return [
      {
        kernel,
        params: {
          COUNT: numel(shape),
          POSITIONS: shape[1] as number,
          FEATURES: shape[2] as number,
          LENGTH: length,
          THREADS,
          ROW: grid[0] * THREADS,
        },
        bindings: { keys: { state: 0 }, values: { state: 1 } },
        loads: {
          LOAD_K: { input: 0, name: 'load_k' },
          LOAD_V: { input: 1, name: 'load_v' },
          LOAD_START: { input: 2, name: 'load_start' },
        },
        grid,
        ...costOf(shape),
      },
    ]
  },
  cost: ([k]) => costOf((k as Spec).shape),
  backward: null,
  saves: [],
}

function costOf(shape: readonly number[]): { flops: number; bytes: number } {
  return { flops: 0, bytes: 16 * numel(shape) }
}
