import averageText from '../../shaders/norm/running_average.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { KernelOp } from '../graph/op.ts'
import { gridOf } from '../shape.ts'

const loads = { LOAD_MEAN: 'code', LOAD_VARIANCE: 'code', LOAD_SHARE: 'code' } as const

/** Running averages of means and variances. */
export const runningAverageKernel: Kernel = defineKernel(
  'norm/running_average.wgsl',
  averageText,
  { C: 'int', ROW: 'int', THREADS: 'int', ...loads },
  ['a: read_write', 'b: read_write'],
)

const THREADS = 64

/** Brings a batch's mean and variance, [C] each, into two variables, with the weight `share` [1]. */
export const runningAverageOp: KernelOp<'mean' | 'variance' | 'share', { readonly channels: number }> = {
  kind: 'kernel',
  name: 'runningAverage',
  inputs: ['mean', 'variance', 'share'],
  virtual: ['mean', 'variance', 'share'],
  infer: () => [],
  lower: ({ attrs: { channels } }) => {
    const grid = gridOf(Math.ceil(channels / THREADS))
    return [
      {
        kernel: runningAverageKernel,
        params: { C: channels, ROW: grid[0] * THREADS, THREADS },
        bindings: { a: { state: 0 }, b: { state: 1 } },
        loads: {
          LOAD_MEAN: { input: 0, name: 'load_mean' },
          LOAD_VARIANCE: { input: 1, name: 'load_variance' },
          LOAD_SHARE: { input: 2, name: 'load_share' },
        },
        grid,
        ...costOf(channels),
      },
    ]
  },
  cost: (_, __, { channels }) => costOf(channels),
  backward: null,
  saves: [],
}

function costOf(channels: number): { flops: number; bytes: number } {
  return { flops: 6 * channels, bytes: 24 * channels }
}
