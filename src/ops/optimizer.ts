import adamText from '../../shaders/optim/adam.wgsl?raw'
import sgdText from '../../shaders/optim/sgd.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'
import type { KernelOp } from '../graph/op.ts'
import type { Attrs } from '../graph/value.ts'
import { gridOf } from '../shape.ts'

const sizes = { N: 'u32', ROW: 'u32', THREADS: 'int' } as const

export const adamKernel: Kernel = defineKernel('optim/adam.wgsl', adamText, sizes, [
  'g',
  'hyper',
  'p: read_write',
  'm: read_write',
  'v: read_write',
])
export const sgdKernel: Kernel = defineKernel('optim/sgd.wgsl', sgdText, { ...sizes, NESTEROV: 'flag' }, [
  'g',
  'hyper',
  'p: read_write',
  'b: read_write',
])

const threads = 64

/** An op that rewrites arenas in place; `state` names the bindings of its variables. */
/* @__NO_SIDE_EFFECTS__ */
function updateOp<A extends Attrs & { readonly elements: number }>(
  name: string,
  kernel: Kernel,
  state: readonly string[],
  flops: number,
): KernelOp<'grads' | 'hyper', A> {
  return {
    kind: 'kernel',
    name,
    inputs: ['grads', 'hyper'],
    infer: () => [],
    lower: ({ attrs }) => {
      const { elements, ...flags } = attrs
      const n = elements / 4
      const grid = gridOf(Math.ceil(n / threads))
      const states = Object.fromEntries(state.map((s, i) => [s, { state: i }]))
      const params = { ...(flags as Readonly<Record<string, boolean>>), N: n, ROW: grid[0] * threads, THREADS: threads }
      const bytes = 4 * elements * (1 + 2 * state.length)
      return [
        {
          kernel,
          params,
          bindings: { g: { input: 0 }, hyper: { input: 1 }, ...states },
          grid,
          flops: flops * elements,
          bytes,
        },
      ]
    },
    cost: (_, __, { elements }) => ({ flops: flops * elements, bytes: 4 * elements * (1 + 2 * state.length) }),
    backward: null,
    saves: [],
  }
}

export const adamUpdateOp: KernelOp<'grads' | 'hyper', { readonly elements: number }> = updateOp(
  'adam',
  adamKernel,
  ['p', 'm', 'v'],
  16,
)
export const sgdUpdateOp: KernelOp<'grads' | 'hyper', { readonly elements: number; readonly NESTEROV: boolean }> =
  updateOp('sgd', sgdKernel, ['p', 'b'], 6)
